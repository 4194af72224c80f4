"""Specs written from what describes a network elsewhere. What is read is data: nothing of it is run or fetched."""

from __future__ import annotations

from netspec.importing.config import ImportedSpec, NotImportable, family, from_config

__all__ = ["ImportedSpec", "NotImportable", "family", "from_config"]
