"""Losses that torch lacks, as modules that are called like torch's."""

from __future__ import annotations

from torch import Tensor, nn


class GaussianKL(nn.Module):
    """KL divergence of N(mu, exp(logvar)) from N(0, 1), in closed form.

    The sum over the features of an example is −½ Σ (1 + logvar − mu² − exp(logvar)). Source: Kingma & Welling 2014,
    "Auto-Encoding Variational Bayes" (arXiv 1312.6114), appendix B.

    Args:
        reduction: `mean` over the examples, or `sum`.
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, mu: Tensor, logvar: Tensor) -> Tensor:
        """The divergence for mu and logvar (N, ...), a 0-dim tensor."""
        total = -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum()
        return total if self.reduction == "sum" else total / len(mu)
