"""Codes of `shared` and `tie`."""

from __future__ import annotations

from netspec.codes.base import Page, layers
from netspec.diagnostics import Code

_ALIKE = "- Linear: 8\n  shared: fc\n- ReLU\n- Linear: 8\n  shared: fc"
_TOKENS = "- Embedding: {num_embeddings: 50, embedding_dim: 8}\n  name: tokens\n"

SHARING: dict[Code, Page] = {
    "shared-differs": Page(
        "Items are `shared` under one name, and cannot be one module.",
        "All items of a name in one body are one module. Layers, arguments, the sizes that they are given, `freeze` "
        "and `init` must agree; only the values that flow through may differ.",
        layers("- Linear: 8\n  shared: fc\n- ReLU\n- Linear: 16\n  shared: fc", "[8]"),
        layers(_ALIKE, "[8]"),
    ),
    "shared-once": Page(
        "One item alone is `shared` under a name.",
        "It is a module like any other then. Most often the other item has another name, or stands in another body: "
        "each call of a block has modules of its own.",
        layers("- Linear: 8\n  shared: fc\n- ReLU\n- Linear: 8\n  name: fc2", "[8]"),
        layers(_ALIKE, "[8]"),
        "warning",
    ),
    "tie-mismatch": Page(
        "Parameters are tied that cannot be one.",
        "`tie: {weight: tokens.weight}` makes the `weight` of a layer that of the layer `tokens`: both have the same "
        "shape, and both train or are frozen.",
        layers(_TOKENS + "- Linear: {out_features: 40, bias: false}\n  tie: {weight: tokens.weight}", "[4, int64]"),
        layers(_TOKENS + "- Linear: {out_features: 50, bias: false}\n  tie: {weight: tokens.weight}", "[4, int64]"),
    ),
    "unknown-parameter": Page(
        "`tie` names a parameter that is not there.",
        "On the left stands a parameter of the layer itself, on the right the key of one in the `state_dict`, of a "
        "layer before it.",
        layers(_TOKENS + "- Linear: {out_features: 50, bias: false}\n  tie: {weight: token.weight}", "[4, int64]"),
        layers(_TOKENS + "- Linear: {out_features: 50, bias: false}\n  tie: {weight: tokens.weight}", "[4, int64]"),
    ),
}
