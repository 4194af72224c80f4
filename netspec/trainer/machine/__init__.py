"""The platform of a run: devices and arithmetic, processes, signals, random state, host memory, the disk."""
