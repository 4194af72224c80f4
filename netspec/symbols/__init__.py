"""Symbolic sizes: exact formulas of the symbols that an input's shape may have, and what they must satisfy.

    H = symbol("H")
    (H + 2 * 1 - 11) // 4 + 1        # (H - 5)//4
    H // 2 >= 3                      # a Comparison: H//2 >= 3

Imported only where a spec has a symbolic input.
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
