"""One optimiser step, and all that decides what it does: optimiser, schedule, drivers, the weights it starts from."""
