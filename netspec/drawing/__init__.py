"""Draw nets as diagrams: a graphviz graph, rendered by `dot` or by pygraphviz."""

from netspec.drawing.dot import DIRECTIONS, Direction, diagram
from netspec.drawing.palette import family_colors
from netspec.drawing.rendering import FORMATS, engine, render

__all__ = ["DIRECTIONS", "FORMATS", "Direction", "diagram", "engine", "family_colors", "render"]
