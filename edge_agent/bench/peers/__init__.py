"""The sides that are compared. Each runs in a process of its own (`process.py`)."""
