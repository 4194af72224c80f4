"""The table of initialisers: the functions of `torch.nn.init` that a spec may name, with their arguments as classes.

Functions and arguments are a closed table, which the tests compare with torch's signatures, so that torch need not be
imported. A module of this package is imported when a spec first names one of its functions.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from netspec.initializers.base import InitFunction

FUNCTIONS: Final[dict[str, tuple[str, str]]] = {
    "uniform_": ("draws", "Uniform"),
    "normal_": ("draws", "Normal"),
    "trunc_normal_": ("draws", "TruncatedNormal"),
    "constant_": ("constants", "Constant"),
    "ones_": ("constants", "Plain"),
    "zeros_": ("constants", "Plain"),
    "eye_": ("matrices", "Matrix"),
    "dirac_": ("matrices", "Dirac"),
    "xavier_uniform_": ("xavier", "Xavier"),
    "xavier_normal_": ("xavier", "Xavier"),
    "kaiming_uniform_": ("kaiming", "Kaiming"),
    "kaiming_normal_": ("kaiming", "Kaiming"),
    "orthogonal_": ("matrices", "Orthogonal"),
    "sparse_": ("matrices", "Sparse"),
}
"""Function → the module of this package, and the class in it that defines its arguments."""


def arguments_of(name: str) -> type[InitFunction]:
    """The class that defines the arguments of a function.

    Raises:
        KeyError: the function is not in the table.
    """
    module, found = FUNCTIONS[name]
    return getattr(import_module(f"netspec.initializers.{module}"), found)
