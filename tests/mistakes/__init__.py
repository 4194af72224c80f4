"""Random mistakes of the kinds that people make, in specs of which the right one is known."""
