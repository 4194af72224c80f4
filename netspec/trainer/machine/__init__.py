"""What a run stands on: devices and their arithmetic, processes, signals, random numbers, memory, the disk."""
