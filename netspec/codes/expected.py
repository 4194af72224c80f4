"""Codes of what a spec expects of its network."""

from __future__ import annotations

from netspec.codes.base import Page, layers
from netspec.diagnostics import Code

EXPECTED: dict[Code, Page] = {
    "expectation-unmet": Page(
        "The network is not what the spec expects of it.",
        "`expect:` holds counts, the memory of a training step, and the output against bounds, here or in a variant. "
        "The message has both numbers, and marks the layers that weigh most.",
        layers("- Flatten\n- Linear: 10") + "expect: {params: {at_most: 5_000}}\n",
        layers("- Flatten\n- Linear: 10") + "expect: {params: {at_most: 10_000}}\n",
    ),
}
