"""What a sweep goes over: the `sweep:` section of a spec, read and checked, and the points of its space."""
