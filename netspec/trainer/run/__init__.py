"""The files of a run: its directory, records and checkpoints, written whole and read with care. Nothing here trains."""
