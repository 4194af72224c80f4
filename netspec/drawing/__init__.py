"""Draw nets as diagrams: a graphviz graph, rendered by `dot` or by pygraphviz."""

from netspec.drawing.dot import DIRECTIONS, Direction, diagram, levels_of
from netspec.drawing.palette import family_colors
from netspec.drawing.rendering import FORMATS, LayoutTooLong, engine, render

__all__ = [
    "DIRECTIONS", "FORMATS", "Direction", "LayoutTooLong", "diagram", "engine", "family_colors", "levels_of", "render",
]  # fmt: skip
