"""The testbed's measurements: workloads, policies, trials of one load, searches, sweeps and their report."""
