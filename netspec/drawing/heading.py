"""What stands above each network of a picture."""

from __future__ import annotations

from netspec.drawing.scene import MAIN, SMALL, Scene, below, paragraph
from netspec.drawing.short import Voice
from netspec.drawing.text import lines
from netspec.net import Net
from netspec.views.describe import count_text, title_text


def heading(net: Net, voice: Voice, room: float) -> Scene:
    """The name of a net, its parameters and multiply-accumulates, in lines of at most so much, or 180."""
    names = lines(title_text(net) or "?", max(room, 180), MAIN + 3, bold=True)
    facts = f"{count_text(net.params)} {voice.word('parameters')} · {count_text(net.macs)} {voice.word('MACs')}"
    rows = lines(facts, max(room, 180), SMALL)
    return below([paragraph(names, MAIN + 3, "ink", bold=True), paragraph(rows, SMALL, "faint")], 2)
