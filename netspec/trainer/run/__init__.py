"""The files of a run: directory, records and checkpoints; written atomically and validated when read."""
