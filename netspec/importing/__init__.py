"""Specs written from what describes a network elsewhere. What is read is data: nothing of it is run or fetched."""

from __future__ import annotations

from netspec.importing.config import ImportedSpec, NotImportable, family, from_config
from netspec.importing.keras import ImportedKeras, from_keras
from netspec.importing.program import from_program

__all__ = [
    "ImportedKeras",
    "ImportedSpec",
    "NotImportable",
    "family",
    "from_config",
    "from_keras",
    "from_program",
]
