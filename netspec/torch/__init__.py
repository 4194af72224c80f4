"""What needs torch: the built module, its verification against real tensors, and the transfer of weights."""

from __future__ import annotations

from netspec.diagnostics import MissingExtra
from netspec.extras import install

try:
    import torch as torch  # asked for here once, so that every module below may simply import it
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise MissingExtra(f"building, verifying and training a network needs torch: {install('torch')}") from None
