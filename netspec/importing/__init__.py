"""Specs written from what describes a network elsewhere. What is read is data: nothing of it is run or fetched."""

from __future__ import annotations

from netspec.importing.config import ImportedSpec, NotImportable, family, from_config
from netspec.importing.program import from_program

__all__ = ["ImportedSpec", "NotImportable", "family", "from_config", "from_program"]
