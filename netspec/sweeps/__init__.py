"""Sweeps: trials of a spec's `sweep:`, rejected by the compiler or trained each into a run directory of its own."""
