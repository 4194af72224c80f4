"""Shared by the table, the diagram and the comparison: texts for layers, folding of repetitions, the graph of a net."""
