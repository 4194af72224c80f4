"""Calls as items of a spec: where the batch of a value is, and what is computed of no input."""
