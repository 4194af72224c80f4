"""Which modules are layers of a spec, and with which arguments."""
