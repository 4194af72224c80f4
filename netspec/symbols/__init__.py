"""Symbolic sizes: exact integer formulas of the symbols in an input's shape, and the conditions on those symbols.

    H = symbol("H")
    (H + 2 * 1 - 11) // 4 + 1        # (H - 5)//4
    H // 2 >= 3                      # a Comparison: H//2 >= 3

Imported only for a spec with a symbolic input, to keep other checks fast.
"""

from __future__ import annotations

from netspec.symbols.demands import contradiction, requirements, statements
from netspec.symbols.formula import Formula, SizeComparison, evaluate, symbol
from netspec.symbols.polynomial import LARGEST_SIZE, FormulaTooLong

__all__ = [
    "LARGEST_SIZE",
    "Formula",
    "FormulaTooLong",
    "SizeComparison",
    "contradiction",
    "evaluate",
    "requirements",
    "statements",
    "symbol",
]
