"""Synthetic examples from a seed: each class has a random pattern, and an example is its class's pattern plus noise."""

from __future__ import annotations

import torch
from torch import Tensor

from netspec.recipe.datasets.local import Synthetic
from netspec.trainer.data.fingerprint import hash_of_tensors
from netspec.trainer.data.parts import Part, Parts, Request
from netspec.trainer.transforms.draws import stable_seed


def read(data: Synthetic, request: Request) -> Parts:
    """Generate training and test examples; shape and classes default to those of the net.

    Targets are class indices, or values of the net's output shape, as the recipe's loss needs them.
    """
    input_shape, output_shape = request.input.shape, request.output.shape
    classes = request.recipe.loss.target == "classes"
    shape = tuple(int(n) for n in (data.shape or input_shape))  # pyright: ignore[reportArgumentType]  # a net is built for numbers only
    width = int(output_shape[0]) if output_shape else 1  # pyright: ignore[reportArgumentType]  # as above
    count = data.classes or width
    generator = torch.Generator().manual_seed(stable_seed(data.seed, "synthetic"))
    if data.vocabulary:
        patterns = torch.randint(data.vocabulary, (count, *shape), generator=generator)
    else:
        patterns = torch.randn((count, *shape), generator=generator)
    values = None if classes else torch.rand((count, *(int(n) for n in output_shape)), generator=generator)  # pyright: ignore[reportArgumentType]  # as above

    def part(size: int) -> Part:
        labels = torch.randint(count, (size,), generator=generator)
        x = _noisy(patterns[labels], data, generator)
        return Part(x, everywhere(labels) if values is None else values[labels], shape, "synthetic data")

    def everywhere(labels: Tensor) -> Tensor:
        """The example's class at every position, for outputs of shape (classes, ...)."""
        rest = [int(n) for n in output_shape[1:]]  # pyright: ignore[reportArgumentType]  # as above
        return labels.view(-1, *([1] * len(rest))).expand(-1, *rest).contiguous()

    train = part(data.train)
    test = part(data.test) if data.test else None
    named = [(name, part) for name, part in (("train", train), ("test", test)) if part is not None]
    found = hash_of_tensors(
        (f"{name} {key}", tensor)
        for name, part in named
        for key, tensor in (("x", part.x), ("y", part.y))
        if isinstance(tensor, Tensor)
    )
    return Parts(train, test, classes=count if classes else None, hash=lambda: found)


def _noisy(x: Tensor, data: Synthetic, generator: torch.Generator) -> Tensor:
    """Add noise to patterns. Integers: a share is replaced by random ones; images become uint8; others float32."""
    if data.vocabulary:
        changed = torch.rand(x.shape, generator=generator) < min(data.noise, 1.0)
        return torch.where(changed, torch.randint(data.vocabulary, x.shape, generator=generator), x)
    x = x + data.noise * torch.randn(x.shape, generator=generator)
    if x.ndim == 4:  # images: standard deviation 40 around the middle grey
        return (127.5 + 40 * x).clamp_(0, 255).to(torch.uint8)
    return x
