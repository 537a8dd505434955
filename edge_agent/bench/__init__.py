"""What the engine is worth beside the alternatives, both in one run. `python -m edge_agent.bench --help`."""
