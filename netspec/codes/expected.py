"""Codes of what a spec expects of its network, and of what is locked of it."""

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
    "lock-differs": Page(
        "The network is not what `netspec.lock.json` has of it.",
        "`netspec lock` has written the shapes, counts and keys of the `state_dict`, so that none changes unseen; "
        "`netspec check --locked` compares. The message has what differs, as it is locked → as it is now. If it is "
        "meant, lock the spec again and commit the file with it; weights that were saved before no longer fit where "
        "a key or its shape is another.",
    ),
    "not-locked": Page(
        "The spec, or one of its variants, is not in `netspec.lock.json`.",
        "`netspec check --locked` holds every spec that it checks against the file, and this one is not in it. "
        "`netspec lock SPEC` adds it.",
    ),
    "lock-left-over": Page(
        "`netspec.lock.json` has a spec that is gone, or a variant that its spec has no more.",
        "It was removed, or has another name now. `netspec lock` without a spec locks again what is there and drops "
        "what is not.",
    ),
}
