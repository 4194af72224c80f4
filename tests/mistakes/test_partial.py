"""A spec with a mistake is shown as far as it is known: its counts, its page, what an editor asks for."""

from __future__ import annotations

import pytest

from netspec.compiler import compile_source
from netspec.diagnostics import UsageError, has_errors
from netspec.drawing.interactive import Look, OnPage, page
from netspec.net import leaves, multiplying
from netspec.text.source import decode
from tests.mistakes.check import broken, small_specs

EINSUM = """\
input: [4, 8]
layers:
  - as: x
  - Lniear: 8
  - einsum: [[Flatten], x]
    pattern: n d, n i d -> n i
"""


ATTEND = """\
input: [10, 8]
layers:
  - as: x
  - attend:
      query: [Linear: 8]
      key: [use: x]
      value: [use: x]
    heads: "four"
"""
SHARED = """\
input: {x: [10, int64], mask: [10, bool]}
layers:
  - Embedding: {num_embeddings: 9, embedding_dim: 8}
  - repeat: 2
    shared: layer
    do:
      - residual: [SelfAttention: {num_heads: 2, mask: mask}]
      - Flatten: {start_dim: 9}
"""


def shown(text: str) -> None:
    try:
        result = compile_source(*decode(text.encode(), "spec.yaml"))
    except UsageError:  # it means something with a variant alone
        return
    net = result.net
    if net is None or not has_errors(result.diagnostics):
        return
    assert str(net.params) and str(net.macs) and str(net.trainable_params)
    assert all(str(node.macs) for node in multiplying(net.root))
    assert all(str(leaf.params) for leaf in leaves(net.root))
    assert b"</html>" in page([OnPage(net, "spec.yaml", text, result.diagnostics)], Look())


@pytest.mark.parametrize("text", [EINSUM, ATTEND, SHARED])
def test_what_does_not_fit_is_not_counted(text: str) -> None:
    shown(text)


@pytest.mark.parametrize("start", range(0, 120, 20))
def test_broken_specs_are_shown_as_far_as_they_are_known(start: int) -> None:
    for seed in range(start, start + 20):
        made = broken(seed, 1, small_specs)
        if made is not None:
            shown(made.wrong)
