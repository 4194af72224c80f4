"""What an item stands behind, as far as the list that it is in says it: a map, or a sequence of features."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

from netspec.language.items import Item
from netspec.language.spec import Spec
from netspec.mends.finding import nodes
from netspec.text.source import ListNode, MapNode, Node, ScalarNode

Stands = Literal["map", "features", "other"]
"""Behind a map of channels, height and width; behind a sequence whose features come last; neither, or not known."""

_MAPS: Final = re.compile(r"(?:conv|deconv|maxpool|averagepool|avgpool|upsampl|zeropad).*|.*2d(?:transpose)?")
_FEATURES: Final = frozenset(
    ("linear", "dense", "lstm", "gru", "rnn", "simplernn", "embedding", "bidirectional", "selfattention", "layernorm",
     "layernormalization", "multiheadattention")
)  # fmt: skip
_KEEPS: Final = re.compile(
    r"(?:batch|layer|group|instance)norm.*|.*dropout.*|.*lu|tanh|sigmoid|mish|activation|(?:log)?softmax|identity"
)


def stands_behind(item: Item, spec: Spec) -> Stands:
    """What an item of the outermost list stands behind."""
    around = next((node for node in nodes(spec) if isinstance(node, ListNode) and item.node in node.items), None)
    axes = len(spec.input.items) if isinstance(spec.input, ListNode) else 0
    for head, value in _heads_before(item, around):
        word = head.replace("_", "").rpartition(".")[2].lower()
        if _KEEPS.fullmatch(word):
            continue
        if axes == 3:
            return "map" if _MAPS.fullmatch(word) and "global" not in word and "adaptive" not in word else "other"
        return "features" if axes == 2 and word in _FEATURES and not _last_alone(value) else "other"
    if around is None or around is not spec.layers:
        return "other"
    return "map" if axes == 3 else "other"


def _heads_before(item: Item, around: ListNode | None) -> Iterator[tuple[str, Node | None]]:
    before = [] if around is None else around.items[: around.items.index(item.node)]
    for node in reversed(before):
        if isinstance(node, MapNode) and node.entries:
            yield node.entries[0][0].text, node.entries[0][1]
        elif isinstance(node, ScalarNode):
            yield node.text, None


def _last_alone(value: Node | None) -> bool:
    """Whether a recurrent layer gives its last step alone."""
    if not isinstance(value, MapNode):
        return False
    if len(value.entries) == 1 and isinstance(value.entries[0][1], MapNode):  # `Bidirectional: {LSTM: {…}}`
        value = value.entries[0][1]
        assert isinstance(value, MapNode)
    said = value.get("return_sequences")
    last = value.get("returns")
    return last is not None or (value.get("units") is not None and not is_true(said) and _is_recurrent(value))


def _is_recurrent(value: MapNode) -> bool:
    return value.get("activation") is None or value.get("return_sequences") is not None


def is_true(node: Node | None) -> bool:
    """Whether a value says yes, in any spelling."""
    return isinstance(node, ScalarNode) and (node.value is True or node.text.lower() in ("true", "yes", "on", "1"))
