"""The metrics that a recipe may name, by what they compare: `classes.py` and `values.py`."""
