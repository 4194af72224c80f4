"""What must hold of every scene: boxes apart, texts in their boxes and apart, no line through a text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from netspec.drawing.scene import Box, Circle, Scene, Stroke, Words, flat

Rect = tuple[float, float, float, float]
_SLACK = 0.05


def box_of(shape: Box) -> Rect:
    return shape.x, shape.y, shape.x + shape.width, shape.y + shape.height


def text_of(words: Words) -> Rect:
    return words.left, words.y - words.size * 0.74, words.left + words.width, words.y + words.size * 0.22


def apart(a: Rect, b: Rect) -> bool:
    return (
        a[2] <= b[0] + _SLACK or b[2] <= a[0] + _SLACK or a[3] <= b[1] + _SLACK or b[3] <= a[1] + _SLACK
    )  # fmt: skip


def inside(a: Rect, b: Rect) -> bool:
    return (
        a[0] >= b[0] - _SLACK and a[1] >= b[1] - _SLACK and a[2] <= b[2] + _SLACK and a[3] <= b[3] + _SLACK
    )  # fmt: skip


def crosses(line: Stroke, rect: Rect) -> bool:
    """Whether an upright or level piece of a line runs through a rectangle."""
    x0, y0, x1, y1 = rect[0] + 0.2, rect[1] + 0.2, rect[2] - 0.2, rect[3] - 0.2
    xs, ys = [x for x, _ in line.points], [y for _, y in line.points]
    if max(xs) < x0 or min(xs) > x1 or max(ys) < y0 or min(ys) > y1:
        return False
    for (ax, ay), (bx, by) in zip(line.points, line.points[1:], strict=False):
        for step in range(41):
            x, y = ax + (bx - ax) * step / 40, ay + (by - ay) * step / 40
            if x0 < x < x1 and y0 < y < y1:
                return True
    return False


def words_of(words: Words) -> str:
    return "".join(run.words for run in words.runs)


def faults(scene: Scene) -> list[str]:
    """What is wrong with a scene, in words."""
    shapes = list(flat(scene.shapes))
    boxes = [shape for shape in shapes if isinstance(shape, Box)]
    texts = [shape for shape in shapes if isinstance(shape, Words)]
    solid: Sequence[Rect] = [box_of(box) for box in boxes if not box.frame]
    found = [f"boxes overlap: {a} {b}" for a, b in combinations(solid, 2) if not apart(a, b)]
    frames = [box_of(box) for box in boxes if box.frame]
    found += [
        f"a box runs out of a frame: {box} {frame}"
        for frame in frames
        for box in [*solid, *frames]
        if not (apart(box, frame) or inside(box, frame) or inside(frame, box))
    ]
    found += [
        f"a text runs out of its box: {words_of(text)!r} {text_of(text)} {box_of(box)}"
        for text in texts
        for box in boxes
        if not (apart(text_of(text), box_of(box)) or inside(text_of(text), box_of(box)))
    ]
    found += [
        f"texts overlap: {words_of(a)!r} {words_of(b)!r}"
        for a, b in combinations(texts, 2)
        if not apart(text_of(a), text_of(b))
    ]
    found += [
        f"a line runs through {words_of(text)!r}"
        for line in shapes
        if isinstance(line, Stroke)
        for text in texts
        if crosses(line, text_of(text))
    ]
    circles = [
        (c.x - c.radius, c.y - c.radius, c.x + c.radius, c.y + c.radius) for c in shapes if isinstance(c, Circle)
    ]
    found += [f"a join lies on a box: {c} {b}" for c in circles for b in solid if not apart(c, b)]
    page = (0.0, 0.0, scene.width, scene.height)
    found += [f"outside the picture: {r}" for r in [*solid, *frames, *map(text_of, texts)] if not inside(r, page)]
    return found
