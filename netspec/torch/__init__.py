"""The part of netspec that needs torch: building the module, verifying it on real tensors, transferring weights."""

from __future__ import annotations

from netspec.diagnostics import MissingExtra
from netspec.extras import install

try:
    import torch as torch  # imported here first, so that every module of the package fails with the message below
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise MissingExtra("building, verifying and training a network needs torch", install("torch")) from None
