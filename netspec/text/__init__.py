"""Read YAML text into nodes with source offsets: parser events, scalars, syntax errors, common traps."""
