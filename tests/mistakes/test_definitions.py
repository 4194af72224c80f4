"""Definitions of blocks as they are written elsewhere: types, orders, mappings and lists."""

from __future__ import annotations

import pytest

from netspec.compiler import check_source
from netspec.diagnostics import Diagnostic
from netspec.mends.repair import repaired
from netspec.text.source import Source, decode

BODY = "    - Conv2d: {out_channels: out, kernel_size: k, padding: k // 2}\n    - ReLU\n"
DEEPER = BODY.replace("    - ", "      - ")


def check(text: str) -> list[Diagnostic]:
    return check_source(*decode(text.encode(), "spec.yaml"))


def spec(block: str, *calls: str) -> str:
    return f"input: [3, 8, 8]\nblocks:\n{block}layers:\n" + "".join(f"  - {call}\n" for call in calls)


RIGHT = f"  conv(out, k=3):\n{BODY}"
MENDED = {
    "types in the place of defaults": f"  conv:\n    params: {{out: int, k: 3}}\n    body:\n{DEEPER}",
    "types and defaults": f"  conv:\n    args: {{out: int, k: {{type: int, default: 3}}}}\n    do:\n{DEEPER}",
    "what is required": f"  conv:\n    params: {{out: required, k: 3}}\n    layers:\n{DEEPER}",
    "types as Python writes them": f"  conv(out: int, k: int = 3):\n{BODY}",
    "a function of Python": f"  def conv(out: int, k: int = 3) -> Block:\n{BODY}",
    "a star": f"  conv(out, *, k=3):\n{BODY}",
    "blocks in a list": f"  - name: conv\n    params: [out, k=3]\n    layers:\n{DEEPER}",
}


@pytest.mark.parametrize("case", MENDED)
def test_a_definition_is_mended(case: str) -> None:
    text = spec(MENDED[case], "conv: 16", "conv: {out: 32, k: 5}")
    assert repaired(Source("spec.yaml", text), check(text), check).text == spec(
        RIGHT, "conv: 16", "conv: {out: 32, k: 5}"
    )


@pytest.mark.parametrize(
    ("block", "first", "second"),
    [
        (f"  conv(k=3, out):\n{BODY}", "  conv(k, out):\n", "  conv(out, k=3):\n"),
        (f"  conv:\n    params: {{k: 3, out: int}}\n    layers:\n{DEEPER}", "  conv(out, k=3):\n", "  conv(k, out):\n"),
    ],
    ids=["signature", "mapping"],
)
def test_parameters_change_their_order_only_when_asked(block: str, first: str, second: str) -> None:
    """Calls give them by their places."""
    text = spec(block, "conv: [3, 5]", "conv: [3, 5]")
    (d,) = check(text)
    assert d.fix is not None
    assert d.otherwise is not None
    assert not d.fix.certain
    made = [
        repaired(Source("spec.yaml", text), [d._replace(fix=fix._replace(certain=True))], check).text
        for fix in (d.fix, d.otherwise)
    ]
    assert made == [spec(f"{header}{BODY}", "conv: [3, 5]", "conv: [3, 5]") for header in (first, second)]


def test_two_calls_ask_for_one_signature() -> None:
    text = spec(f"  conv:\n{BODY}", "conv: {out: 16, k: 3}", "conv: {k: 3, out: 32}")
    assert repaired(Source("spec.yaml", text), check(text), check).text == text.replace("conv:\n", "conv(out, k):\n")
    text = spec(f"  conv:\n{BODY}", "conv: {out: 16}", "conv: {out: 32, k: 3}")
    assert {d.fix.title for d in check(text) if d.fix is not None} == {"write `conv(out, k)`"}


def test_a_block_without_parameters_is_given_those_that_its_layers_name() -> None:
    one = "    - Conv2d: {out_channels: out, kernel_size: 3}\n"
    text = spec(f"  conv:\n{one}", "conv: 16", "conv: 32")
    assert repaired(Source("spec.yaml", text), check(text), check).text == text.replace("conv:\n", "conv(out):\n")
    text = spec(f"  conv:\n{BODY}", "conv: [16, 3]")  # in which order they are meant is not known
    (d,) = check(text)
    assert d.fix is not None
    assert not d.fix.certain
    assert d.fix.title == "write `conv(out, k)`"
