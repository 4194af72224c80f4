"""YAML text → nodes with places: events, scalars, syntax errors, traps."""
