"""A layer of one's own for a module that a spec has no form for: what its runs show, as the file of a plugin."""
