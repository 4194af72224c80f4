"""The optimizer step and its parts: inputs, optimizer, learning rate schedule, drivers, initial weights."""
