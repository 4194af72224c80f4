"""Losses that torch lacks, as modules that are called like torch's."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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


class FocalLoss(nn.Module):
    """Cross entropy of scores and classes, times (1 − p)^gamma, where p is the probability of the target's class.

    Source: Lin et al. 2017, "Focal Loss for Dense Object Detection" (arXiv 1708.02002), equation 5.

    Args:
        weight: the factor of each class, (C,).
        ignore_index: targets of this class do not count.
        gamma: 0 is the cross entropy.
        reduction: `mean`, by the sum of the factors of the targets that count, or `sum`.
    """

    weight: Tensor | None

    def __init__(
        self, weight: Tensor | None = None, ignore_index: int = -100, gamma: float = 2.0, reduction: str = "mean"
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight, persistent=False)
        self.ignore_index, self.gamma, self.reduction = ignore_index, gamma, reduction

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss for scores (N, C, ...) and classes (N, ...), a 0-dim tensor."""
        log_p = F.log_softmax(output, dim=1)
        loss = F.nll_loss(log_p, target, ignore_index=self.ignore_index, reduction="none")  # −log p, 0 where ignored
        loss = _power(-torch.expm1(-loss), self.gamma) * loss
        counted = target != self.ignore_index
        factors = counted.to(loss.dtype)
        if self.weight is not None:
            factors = self.weight[target.masked_fill(~counted, 0)] * counted
        total = (factors * loss).sum()
        return total if self.reduction == "sum" else total / factors.sum()


class SigmoidFocalLoss(nn.Module):
    """The same of scores for labels that are 0 or 1, or between them.

    Args:
        alpha: the factor where the target is 1; 1 − alpha is that where it is 0. None is no factor.
        gamma: 0 is the binary cross entropy.
        reduction: `mean` over the targets, or `sum`.
    """

    def __init__(self, alpha: float | None = 0.25, gamma: float = 2.0, reduction: str = "mean") -> None:
        super().__init__()
        self.alpha, self.gamma, self.reduction = alpha, gamma, reduction

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss for scores and targets (N, ...), a 0-dim tensor."""
        loss = F.binary_cross_entropy_with_logits(output, target, reduction="none")
        wrong = output.sigmoid() * (1 - target) + (-output).sigmoid() * target  # 1 − p, not rounded to 0 near p = 1
        loss = _power(wrong, self.gamma) * loss
        if self.alpha is not None:
            loss = (self.alpha * target + (1 - self.alpha) * (1 - target)) * loss
        return loss.sum() if self.reduction == "sum" else loss.mean()


def _power(wrong: Tensor, gamma: float) -> Tensor:
    """(1 − p)^gamma; where 1 − p is 0 the slope of the power is not finite below gamma = 1, that of the loss is 0."""
    return wrong.clamp_min(torch.finfo(wrong.dtype).tiny) ** gamma
