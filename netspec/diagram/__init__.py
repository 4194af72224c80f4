"""Net → picture: a graphviz graph that either Graphviz engine renders."""

from netspec.diagram.dot import DIRECTIONS, Direction, diagram
from netspec.diagram.palette import family_colors
from netspec.diagram.rendering import FORMATS, engine, render

__all__ = ["DIRECTIONS", "FORMATS", "Direction", "diagram", "engine", "family_colors", "render"]
