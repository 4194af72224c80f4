"""Memory as torch measures it: the storages that autograd keeps."""

from __future__ import annotations

from netspec.torch.measured import kept as kept
