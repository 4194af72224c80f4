"""The training loop: epochs, monitoring, writing checkpoints, saving and restoring the state."""
