"""The checked network: a tree of layers with shapes, arguments, parameter counts and costs.

`elaborate.py` builds it, all other modules read it. `net.layers` lists the leaves in execution order.
"""

from netspec.net.nodes import (
    PARAMETRIZED,
    As,
    Call,
    Combinator,
    Computed,
    Initializer,
    LayerResult,
    Leaf,
    Node,
    Read,
    Scope,
    Sequential,
    Term,
    Tie,
    Use,
)
from netspec.net.walks import children, folded, leaves, members, module_key, multiplying, reads, slots_named, walk
from netspec.net.whole import InputValue, Net, OutputValue, need_net, need_numbers, routed, total

__all__ = [
    "PARAMETRIZED",
    "As",
    "Call",
    "Combinator",
    "Computed",
    "Initializer",
    "InputValue",
    "LayerResult",
    "Leaf",
    "Net",
    "Node",
    "OutputValue",
    "Read",
    "Scope",
    "Sequential",
    "Term",
    "Tie",
    "Use",
    "children",
    "folded",
    "leaves",
    "members",
    "module_key",
    "multiplying",
    "need_net",
    "need_numbers",
    "reads",
    "routed",
    "slots_named",
    "total",
    "walk",
]
