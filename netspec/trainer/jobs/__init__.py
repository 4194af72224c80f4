"""The jobs of `netspec train`: a whole training run, a dry run (`--dry-run`), and timing options (`--autotune`)."""
