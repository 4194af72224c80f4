"""Functions of torch's that are several others, products by einsum, and reductions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import netspec
from netspec.capture.importing import from_torch
from tests.capture.modules import around
from tests.capture.test_from_torch import equal, imported, refusal

F: Any = functional
T: Any = torch
"""torch, of whose functions some have no types."""


def fed(forward: Callable[[Any, Any], Any], *parts: nn.Module, **parameters: tuple[int, ...]) -> nn.Module:
    """A module with these layers and learned tensors whose `forward` is a function of it and its input."""
    return _learning(around(forward, *parts), parameters)


def given_two(forward: Callable[[Any, Any, Any], Any], *parts: nn.Module, **parameters: tuple[int, ...]) -> nn.Module:
    """As `fed`, of two inputs."""
    return _learning(around(forward, *parts), parameters)


def _learning(module: nn.Module, parameters: dict[str, tuple[int, ...]]) -> nn.Module:
    for name, shape in parameters.items():
        module.register_parameter(name, nn.Parameter(torch.randn(shape)))
    return module


FOUR, PAIR = ((6,), (6,)), ((4, 6), (7, 6))
CASES: dict[str, tuple[nn.Module, tuple[tuple[int, ...], ...]]] = {
    "cosine_similarity": (given_two(lambda s, x, y: F.cosine_similarity(s.a(x), s.a(y)), nn.Linear(6, 5)), FOUR),
    "nn.CosineSimilarity": (
        given_two(lambda s, x, y: s.b(s.a(x), y), nn.Linear(6, 6), nn.CosineSimilarity(dim=1)),
        FOUR,
    ),
    "pairwise_distance": (given_two(lambda s, x, y: F.pairwise_distance(s.a(x), s.a(y)), nn.Linear(6, 5)), FOUR),
    "cdist": (given_two(lambda s, x, y: T.cdist(x, s.a(y), p=1), nn.Linear(6, 6)), PAIR),
    "cdist to prototypes": (fed(lambda s, x: -T.cdist(x, s.p), p=(10, 6)), ((6,),)),
    "baddbmm": (
        given_two(lambda s, x, y: T.baddbmm(s.c, x, s.a(y).transpose(1, 2), alpha=0.5), nn.Linear(6, 6), c=(1, 4, 7)),
        PAIR,
    ),
    "addmm": (fed(lambda s, x: T.addmm(s.c, x, s.w, beta=2, alpha=0.5), c=(5,), w=(6, 5)), ((6,),)),
    "nn.Bilinear": (given_two(lambda s, x, y: s.a(x, y), nn.Bilinear(6, 6, 4)), PAIR[:1] * 2),
    "outer": (fed(lambda s, x: x + T.outer(s.u, s.v), u=(5,), v=(6,)), ((5, 6),)),
    "lerp": (given_two(lambda s, x, y: T.lerp(s.a(x), y, 0.3), nn.Linear(6, 6)), FOUR),
    "maximum": (given_two(lambda s, x, y: T.maximum(s.a(x), y) - T.min(x, other=y), nn.Linear(6, 6)), FOUR),
    "logsumexp": (fed(lambda s, x: s.a(x) - s.a(x).logsumexp(-1, keepdim=True), nn.Linear(6, 5)), ((6,),)),
    "norm": (fed(lambda s, x: T.linalg.norm(s.a(x), dim=-1) + x.norm(p=1, dim=2), nn.Linear(6, 5)), ((4, 6),)),
    "largest norm": (fed(lambda s, x: s.a(x).norm(p=float("inf"), dim=-1), nn.Linear(6, 5)), ((4, 6),)),
    "linear with a computed weight": (
        fed(lambda s, x: F.linear(F.normalize(x), F.normalize(s.w) + s.b @ s.c), w=(10, 6), b=(10, 2), c=(2, 6)),
        ((6,),),
    ),
    "a product with a vector": (fed(lambda s, x: s.a(x) @ s.v, nn.Linear(6, 5), v=(5,)), ((4, 6),)),
    "sums of all pairs": (given_two(lambda s, x, y: T.relu(s.a(x).unsqueeze(2) - y[:, None]), nn.Linear(6, 6)), PAIR),
    "instance_norm": (fed(lambda s, x: F.instance_norm(s.a(x)), nn.Conv2d(3, 4, 1)), ((3, 5, 5),)),
    "prelu": (fed(lambda s, x: F.prelu(s.a(x), s.w), nn.Linear(6, 6), w=(1,)), ((6,),)),
    "threshold": (fed(lambda s, x: F.threshold(s.a(x), 0.1, -1.0).clamp_max(1.0), nn.Linear(6, 6)), ((6,),)),
    "einsum ...": (fed(lambda s, x: T.einsum("...i,oi->...o", x, s.w), w=(5, 6)), ((4, 6),)),
    "einsum of two ...": (given_two(lambda s, x, y: T.einsum("...ij,...kj", s.a(x), y), nn.Linear(6, 6)), PAIR),
    "einsum of one": (fed(lambda s, x: s.a(T.einsum("bijk->bkj", x)), nn.Linear(5, 2)), ((4, 5, 6),)),
    "einsum with the batch inside": (
        fed(lambda s, x: T.einsum("tbi,oi->otb", x.transpose(0, 1), s.w).permute(2, 1, 0), w=(5, 6)),
        ((4, 6),),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_function_is_what_it_is_made_of(name: str) -> None:
    module, shapes = CASES[name]
    assert equal(module, imported(module, *shapes), *shapes)


def test_heads_that_are_merged_with_the_batch_are_an_axis_of_an_einsum() -> None:
    def heads(x: Tensor) -> Tensor:
        return x.view(len(x), 5, 2, 4).permute(0, 2, 1, 3).reshape(len(x) * 2, 5, 4)

    def forward(self: Any, x: Tensor) -> Tensor:
        scores = T.einsum("bid,bjd->bij", heads(self.a(x)), heads(self.b(x))).tanh()
        return T.einsum("bij,bjd->bid", scores, heads(x)).view(-1, 2, 5, 4).transpose(1, 2).reshape(len(x), 5, 8)

    module = fed(forward, nn.Linear(8, 8), nn.Linear(8, 8))
    assert equal(module, imported(module, (5, 8)), (5, 8))


REFUSED: list[tuple[Callable[[Any, Any], Any], str]] = [
    (lambda s, x: T.einsum("bii->b", x), r"`bii` in an einsum takes a diagonal"),
    (
        lambda s, x: T.einsum("bij,cij->b", x, x),
        r"an einsum in which the batch is not one axis of all its tensors",
    ),
    (
        lambda s, x: T.einsum("bij,bjk", x, x),
        r"of \(N, 4, 4\) and its like it gives a sum over the batch, N, which mixes examples",
    ),
    (lambda s, x: T.linalg.norm(x, "nuc", dim=(1, 2)), r"a norm of a matrix has no form"),
    (
        lambda s, x: F.gumbel_softmax(x, hard=True),
        r"`gumbel_softmax` draws random numbers, which a spec does",
    ),
]


@pytest.mark.parametrize(("forward", "told"), REFUSED)
def test_what_has_no_form_is_told_with_its_line(forward: Any, told: str) -> None:
    assert re.search(rf"test_composites.py:\d+: {told}", refusal(around(forward), (4, 4)))


# ---- what students' networks were refused for


def test_a_graphs_edges_may_mask_scores_that_are_no_products() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        h = x @ self.w
        scores = F.leaky_relu(h @ self.u + (h @ self.v).transpose(1, 2), 0.2)
        scores = torch.where(self.adjacent > 0, scores, -9e15 * torch.ones_like(scores))
        return F.elu(torch.softmax(scores, -1) @ h)

    module = fed(forward, w=(5, 4), u=(4, 1), v=(4, 1))
    module.register_buffer("adjacent", torch.eye(7) + torch.ones(7, 7).triu(2))
    found = imported(module, (7, 5))
    assert "-1000000000.0" in found.text
    assert equal(module, found, (7, 5))


def test_a_mask_that_leaves_nothing_in_a_row_is_refused() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        return torch.softmax(self.a(x).masked_fill(self.mask, -1e9), -1)

    module = fed(forward, nn.Linear(5, 5))
    module.register_buffer("mask", torch.ones(5, 5).tril(-1).bool().flip(1))
    module.get_buffer("mask")[0] = True
    assert "the spec and the module differ" in refusal(module, (5, 5))


def test_a_weight_that_is_a_number_times_a_parameter_keeps_its_layer() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        x = F.conv2d(x, self.w * 0.5, self.c, padding=1).mean((2, 3))
        return F.linear(x, 0.25 * self.v)

    module = fed(forward, w=(4, 3, 3, 3), c=(4,), v=(2, 4))
    found = imported(module, (3, 6, 6))
    assert "Scale: 0.5\n  - {Conv2d:" in found.text and "Scale: 0.25\n  - {Linear:" in found.text
    assert equal(module, found, (3, 6, 6))


def test_capsules_are_one_product_with_a_parameter() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        return torch.matmul(self.w, x[:, :, None, :, None]).squeeze(-1) * torch.arange(3)

    module = fed(forward, w=(1, 6, 5, 3, 4))
    assert equal(module, imported(module, (6, 4)), (6, 4))


@pytest.mark.parametrize("name", ["randn", "normal_"])
def test_random_numbers_in_both_modes_are_told_as_that(name: str) -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        noise: Any = torch.randn(x.shape) if name == "randn" else x.new_empty(x.shape).normal_()
        return self.a(x) * noise

    assert f"`{name}` draws random numbers, which a spec does" in refusal(fed(forward, nn.Linear(4, 4)), (4,))


def test_random_first_states_are_told_as_that() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        return self.a(x, torch.randn(1, len(x), 6))[0]

    assert "`randn` draws random numbers" in refusal(fed(forward, nn.GRU(4, 6, batch_first=True)), (5, 4))


def test_pools_of_powers_are_layers() -> None:
    module = fed(lambda self, x: F.lp_pool2d(x, 2, 3, stride=3))
    assert "LPPool2d: {norm_type: 2, kernel_size: 3}" in imported(module, (2, 6, 6)).text


# ---- complex numbers


class Turned(nn.Module):
    """Positions by a product with complex numbers of the length 1, as Llama's reference code has them."""

    def __init__(self, *, is_buffer: bool) -> None:
        super().__init__()
        self.a = nn.Linear(8, 8)
        angles = torch.outer(torch.arange(16), 100.0 ** -(torch.arange(0, 4, 2) / 4))
        turns = torch.polar(torch.ones_like(angles), angles)
        if is_buffer:
            self.register_buffer("turns", turns, persistent=False)
        else:
            self.turns = turns

    def forward(self, x: Tensor) -> Tensor:
        pairs = torch.view_as_complex(self.a(x).view(len(x), -1, 2, 4).float().reshape(len(x), x.shape[1], 2, 2, 2))
        turned = torch.view_as_real(pairs * self.turns[: x.shape[1]].view(1, x.shape[1], 1, 2)).flatten(3)
        return (turned.type_as(x) * 2).flatten(2)


@pytest.mark.parametrize("is_buffer", [False, True])
def test_products_of_complex_numbers_are_those_of_their_parts(is_buffer: bool) -> None:
    module = Turned(is_buffer=is_buffer)
    found = imported(module, (5, 8))
    assert "stack:" in found.text
    assert equal(module, found, (5, 8))


def test_parts_of_complex_numbers_are_values() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        z = torch.view_as_complex(self.a(x).view(len(x), 4, 2)) * x[:, :4] * 0.5
        return z.real - z.imag

    module = fed(forward, nn.Linear(6, 8))
    assert equal(module, imported(module, (6,)), (6,))


def test_other_functions_of_pairs_are_refused() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        return x + torch.view_as_complex(self.a(x).view(len(x), 6, 2)).mul(2).abs()

    told = refusal(fed(forward, nn.Linear(6, 12)), (6,))
    assert re.search(r"test_composites.py:\d+: `view_as_complex` has no form", told)


def test_other_functions_of_complex_numbers_are_refused() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        return T.fft.fft(self.a(x)).abs()

    assert re.search(r"test_composites.py:\d+: `fft_fft` has no form", refusal(fed(forward, nn.Linear(6, 8)), (6,)))


# ---- numbers in the place of others


def test_fixed_masks_put_a_number_in_the_place_of_others() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        x = self.a(x).masked_fill(torch.ones(4, 4).triu().bool(), 0.0)
        return torch.where(self.mask > 0, x, torch.tensor(0.5)) + torch.where(self.mask > 0, 2.0, x)

    module = fed(forward, nn.Conv2d(3, 2, 1))
    module.register_buffer("mask", torch.eye(4))
    found = imported(module, (3, 4, 4))
    assert re.findall(r"MaskedFill: \{(.*)mask", found.text) == ["", "value: 0.5, ", "value: 2.0, "]
    assert equal(module, found, (3, 4, 4))


def test_a_mask_of_truth_values_may_be_an_input() -> None:
    def forward(self: Any, x: Tensor, hidden: Tensor) -> Tensor:
        return self.a(x).masked_fill(hidden.unsqueeze(-1), 0.0).sum(1)

    found = from_torch(around(forward, nn.Linear(6, 4)), torch.randn(2, 5, 6), torch.rand(2, 5) > 0.5)
    assert "MaskedFill: {mask: " in found.text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("MaskedFill", "`MaskedFill` wants a value as `mask`"),
        ("{MaskedFill: {mask: y}}", "`mask` is of truth values, but what is given is float32"),
        ("{MaskedFill: {mask: m}}", "`mask` has the sizes of the input or 1: it is 3, but input `x`"),
    ],
)
def test_masks_that_do_not_fit_are_told(text: str, told: str) -> None:
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(f"input: {{x: [4], y: [4], m: [3, bool]}}\nlayers:\n  - {text}\n")
    assert told in caught.value.diagnostics[0].message


class _WithoutBias(nn.GroupNorm):
    """A norm without biases, as MetaFormers have it."""

    def __init__(self) -> None:
        super().__init__(2, 4)
        self.bias = None  # pyright: ignore[reportAttributeAccessIssue]  # as they write it


class _Norms(nn.Module):
    """Norms that have weights alone, or biases alone."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), _WithoutBias()
        self.batch = nn.BatchNorm2d(4)
        self.batch.weight = None  # pyright: ignore[reportAttributeAccessIssue]  # as above

    def forward(self, x: Tensor) -> Tensor:
        return self.batch(self.norm(self.conv(x)))


def test_a_norm_that_has_weights_alone_is_one_without_and_a_product() -> None:
    module = _Norms()
    found = imported(module, (3, 6, 6))
    assert "GroupNorm: {num_groups: 2, affine: false}" in found.text
    assert equal(module, found, (3, 6, 6))
