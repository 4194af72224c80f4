"""The table of all diagnostic codes: the meaning of each, a spec that provokes it, and the corrected spec.

`netspec explain CODE` and docs/errors.md print it. The tests check every example and expect exactly its code.
"""

from __future__ import annotations

from netspec.codes.base import Page
from netspec.codes.expected import EXPECTED
from netspec.codes.language import LANGUAGE
from netspec.codes.layers import LAYERS
from netspec.codes.recipe import RECIPE
from netspec.codes.remarks import REMARKS
from netspec.codes.sharing import SHARING
from netspec.codes.sweep import SWEEP
from netspec.codes.text import TEXT
from netspec.codes.values import VALUES
from netspec.codes.work import WORK
from netspec.diagnostics import Code

GROUPS: dict[str, dict[Code, Page]] = {
    "The text": TEXT,
    "The language": LANGUAGE,
    "Named values": VALUES,
    "Shared modules and tied parameters": SHARING,
    "Layers and shapes": LAYERS,
    "Recipes": RECIPE,
    "Warnings and notes": REMARKS,
    "What a spec expects": EXPECTED,
    "Sweeps": SWEEP,
    "While a command runs": WORK,
}
"""The codes by what they are about, in the order of the passes that report them."""

CODES: dict[Code, Page] = {code: page for group in GROUPS.values() for code, page in group.items()}
"""Every code, in that order."""
