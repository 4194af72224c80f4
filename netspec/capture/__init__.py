"""A module of torch's as a spec: what it does when it runs, as items, and the proof that they are it."""
