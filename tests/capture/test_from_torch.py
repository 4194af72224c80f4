"""A module becomes the spec of the same network, proven, or is refused with a place and a reason."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import netspec
from netspec.capture.functions.functions import HANDLERS
from netspec.capture.graph import NotCaptured
from netspec.capture.importing import FromTorch, from_torch
from tests.capture.modules import (
    Attention,
    Dense,
    NormOfChannels,
    Residual,
    SequenceFirst,
    Shared,
    Shuffle,
    around,
)


def imported(module: nn.Module, *shapes: tuple[int, ...]) -> FromTorch:
    """The import, after it was checked that nothing of the module was changed by it."""
    module.train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    found = from_torch(module, *(torch.randn(2, *shape) for shape in shapes), name="net")
    assert module.training
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert found.difference <= 1e-9
    return found


def equal(module: nn.Module, found: FromTorch, *shapes: tuple[int, ...]) -> bool:
    """Whether the spec, read again, gives what the module gives, with its weights by their keys."""
    model = netspec.build(netspec.loads(found.text))
    state = module.state_dict()
    wanted = model.state_dict()
    model.load_state_dict({own: state[key].reshape(wanted[own].shape) for own, key in found.keys.items()})
    inputs = [torch.randn(4, *shape) for shape in shapes]
    with torch.no_grad():
        ours, theirs = model.eval()(*inputs), module.eval()(*inputs)
    ours, theirs = (list(x) if isinstance(x, tuple) else [x] for x in (ours, theirs))
    return all(torch.allclose(a, b, atol=1e-5) for a, b in zip(ours, theirs, strict=True))


CASES: list[tuple[Any, tuple[tuple[int, ...], ...], bool]] = [
    (Residual, ((3, 16, 16),), True),
    (Dense, ((4, 8, 8),), False),
    (Attention, ((9, 16),), False),
    (SequenceFirst, ((7, 16),), True),
    (Shuffle, ((8, 6, 6),), True),
    (Shared, ((6,), (6,)), True),
]


@pytest.mark.parametrize(("kind", "shapes", "keeps"), CASES, ids=[case[0].__name__ for case in CASES])
def test_a_module_and_its_spec_are_equal(kind: Any, shapes: tuple[tuple[int, ...], ...], keeps: bool) -> None:
    module = kind()
    found = imported(module, *shapes)
    assert equal(module, found, *shapes)
    assert sorted(found.keys.values()) == sorted(module.state_dict())
    assert found.keeps_keys is keeps
    if keeps:
        netspec.build(found.net).load_state_dict(module.state_dict())


def test_a_chain_is_the_list_that_a_person_writes() -> None:
    chain = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(1176, 10)
    )
    assert imported(chain, (1, 28, 28)).text == (
        "netspec: 1\nname: net\ninput: [1, 28, 28]\n\nlayers:\n"
        "  - Conv2d: {out_channels: 6, kernel_size: 5, padding: 2}\n  - Sigmoid\n  - AvgPool2d: 2\n  - Flatten\n"
        "  - Linear: 10\n"
    )


def test_functions_are_layers() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.leaky_relu(self.a(x), 0.2), 2)
        x = F.adaptive_avg_pool2d(F.pad(x, (1, 1, 2, 2)), (2, 2))
        return self.b(x.view(-1, 4 * 2 * 2))

    text = imported(around(forward, nn.Conv2d(3, 4, 3), nn.Linear(16, 5)), (3, 12, 12)).text
    words = re.findall(r"- \{?(\w+)", text)
    assert words == ["Conv2d", "LeakyReLU", "MaxPool2d", "ZeroPad2d", "AdaptiveAvgPool2d", "Flatten", "Linear"]


def test_a_subclass_that_computes_otherwise_is_no_layer() -> None:
    class Named(nn.LayerNorm):
        pass

    found = imported(nn.Sequential(nn.Conv2d(3, 4, 1), NormOfChannels(4), nn.Flatten(2), Named(36)), (3, 6, 6))
    assert found.text.count("LayerNorm") == 2
    assert found.text.count("Rearrange") == 2


def test_gaps_in_a_list_of_modules_keep_the_keys() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        return self.a[3](torch.relu(self.a[1](x)))

    module = around(forward, nn.ModuleList([nn.Identity(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)]))
    assert imported(module, (4,)).keeps_keys


class Streams(nn.Module):
    """Two streams that come out of a module together, twice."""

    class Exchange(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Conv2d(3, 3, 1)
            self.b = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x: list[Tensor]) -> list[Tensor]:
            return [self.a(x[0]) + x[1], self.b(x[1]) + x[0]]

    def __init__(self) -> None:
        super().__init__()
        self.steps = nn.ModuleList(self.Exchange() for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        streams = [x, torch.sigmoid(x)]
        for step in self.steps:
            streams = step(streams)
        return torch.cat(streams, 1)


def _channel_attention(self: Any, x: Tensor) -> Tensor:
    y = self.a(x).mean([2, 3], keepdim=True)
    return x * torch.sigmoid(y).expand_as(x)


def _response_norm(self: Any, x: Tensor) -> Tensor:
    gain = x.norm(p=2, dim=(2, 3), keepdim=True)
    return torch.addcmul(self.a(x), x, gain / (gain.mean(1, keepdim=True) + 1e-6))


def _biased_attention(self: Any, x: Tensor) -> Tensor:
    q, k, v = (part.unflatten(-1, (2, 4)).transpose(1, 2) for part in self.a(x).chunk(3, -1))
    bias = torch.linspace(0, 0.75, 25).view(1, 1, 5, 5).to(x) + x.new_ones(5)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias).transpose(1, 2).flatten(2)


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (Streams(), (3, 5, 5)),
        (around(_channel_attention, nn.Conv2d(4, 4, 1)), (4, 6, 6)),
        (around(_response_norm, nn.Conv2d(4, 4, 1)), (4, 6, 6)),
        (around(_biased_attention, nn.Linear(8, 24)), (5, 8)),
    ],
    ids=["streams", "expand", "norm", "attention"],
)
def test_functional_forms_are_proven(module: nn.Module, shape: tuple[int, ...]) -> None:
    assert equal(module, imported(module, shape), shape)


# ---- blocks and loops


def test_parts_of_one_class_are_a_block_and_runs_are_loops() -> None:
    text = imported(Residual(), (3, 16, 16)).text
    assert "  block(out, stride):" in text
    assert 'when: "stride != 1' in text or 'when: "in_channels != out' in text
    assert text.count("Conv2d:") == 4
    assert len(text.splitlines()) < 40


def test_activations_and_widths_are_parameters() -> None:
    class Unit(nn.Sequential):
        def __init__(self, width: int, out: int, act: type[nn.Module], *, last: bool = False) -> None:
            super().__init__(nn.Linear(width, 2 * out), act(), nn.Linear(2 * out, out), *([] if last else [act()]))

    found = imported(nn.Sequential(Unit(4, 6, nn.ReLU), Unit(6, 8, nn.GELU), Unit(8, 5, nn.ReLU, last=True)), (4,))
    assert found.blocks == 1
    assert "$act" in found.text
    assert found.keeps_keys


def test_equal_rounds_are_one_item() -> None:
    chain = nn.Sequential(*(layer for _ in range(5) for layer in (nn.Linear(4, 4), nn.Tanh())))
    assert "repeat: 5" in imported(chain, (4,)).text


def test_rounds_that_differ_in_numbers_are_a_loop() -> None:
    sizes = [4, 8, 16, 32, 64]
    chain = nn.Sequential(*(nn.Linear(a, b) for a, b in pairwise(sizes)))
    found = imported(chain, (4,))
    assert "in [8, 16, 32, 64]" in found.text
    assert found.keeps_keys
    assert "for" not in from_torch(chain, torch.randn(2, 4), is_flat=True).text


# ---- what is refused


def refusal(module: nn.Module, *shapes: tuple[int, ...]) -> str:
    with pytest.raises(NotCaptured) as caught:
        imported(module, *shapes)
    return str(caught.value)


def _decides(self: Any, x: Tensor) -> Tensor:
    return self.a(x) if x.sum() > 0 else x


def _counts_examples(self: Any, x: Tensor) -> Tensor:
    return self.a(x) * x.shape[0]


def _other_in_training(self: Any, x: Tensor) -> Tensor:
    return torch.relu(self.a(x)) if self.training else self.a(x)


def _drops_always(self: Any, x: Tensor) -> Tensor:
    return F.dropout(self.a(x), 0.5)


def _sorts(self: Any, x: Tensor) -> Tensor:
    return torch.sort(self.a(x), -1)[0]


def _picks(self: Any, x: Tensor) -> Tensor:
    return self.a(x)[[1, 0], [2, 0]]


def _mixes_examples(self: Any, x: Tensor) -> Tensor:
    return self.a(x) - x.mean(0, keepdim=True)


def _changes_a_view(self: Any, x: Tensor) -> Tensor:
    y = self.a(x)
    z = y.view(-1, 2, 2)
    y += 1
    return z


@pytest.mark.parametrize(
    ("forward", "told"),
    [
        (_decides, r"test_from_torch.py:\d+: `__bool__` reads the numbers in a tensor"),
        (_counts_examples, "with a batch of 3 instead of 2 the module is another network"),
        (_other_in_training, r"in training mode the module is another network(.|\n)*\+ .*ReLU"),
        (_drops_always, r"test_from_torch.py:\d+: `dropout` drops values always"),
        (_sorts, r"test_from_torch.py:\d+: `sort` has no form"),
        (_picks, r"test_from_torch.py:\d+: values are chosen by several tensors or lists"),
        (_mixes_examples, r"test_from_torch.py:\d+: `mean` over the batch mixes examples"),
        (_changes_a_view, r"what the module gives: a tensor is used that was changed in place"),
    ],
    ids=lambda case: getattr(case, "__name__", ""),
)
def test_what_has_no_form_is_named_with_its_place(forward: Any, told: str) -> None:
    assert re.search(told, refusal(around(forward, nn.Linear(4, 4)), (4,)))


def _doubled(module: nn.Module, args: Any, output: Tensor) -> Tensor:
    return output * 2


def test_a_hook_that_changes_what_a_layer_gives_is_seen() -> None:
    layer = nn.Linear(4, 4)
    layer.register_forward_hook(_doubled)
    assert "Scale: 2" in imported(nn.Sequential(layer), (4,)).text


def _rectified(self: Any, x: Tensor) -> Tensor:
    return F.relu(self.a(x))


def _first(self: Any, x: Tensor) -> Tensor:
    return self.a(x)


def test_a_parameter_of_two_names_is_told_under_the_one_that_is_used() -> None:
    module: Any = around(_first, nn.Linear(4, 4), nn.Linear(4, 4))
    module.b.weight = module.a.weight
    module.b.bias = module.a.bias
    found = imported(module, (4,))
    assert "`b.bias` and 1 more: the spec has that parameter under one key, here `a.bias`" in found.notes


class _Deep(nn.Module):
    """Stages of which a user asked for the first alone, as encoders of segmentation networks have them."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList([nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)) for _ in range(3)])
        self.gain = nn.Parameter(torch.ones(4))

    def forward(self, x: Tensor) -> Tensor:
        return self.stages[0](x)


@pytest.mark.parametrize("is_verified", [True, False])
def test_the_spec_is_without_the_weights_that_no_run_uses_and_says_so(is_verified: bool) -> None:
    module = _Deep()
    found = from_torch(module, torch.randn(2, 4), name="net", is_verified=is_verified)
    assert found.unused == {key for key in module.state_dict() if not key.startswith("stages.0.")}
    assert not found.keeps_keys
    assert "\n# Without `gain`, `stages.1` and `stages.2`, which no run of the module uses.\nlayers:\n" in found.text
    assert found.notes[0].startswith("no run uses `gain`, `stages.1` and `stages.2` of the module")
    assert equal(module, found, (4,))


class _HiddenRead(nn.Module):
    """Weights whose numbers a program takes out of torch."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(4))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.tensor(self.gain.detach().numpy())


def test_weights_that_are_used_where_nobody_sees_it_are_not_left_out() -> None:
    refusal(_HiddenRead(), (4,))


class _TwoNames(nn.Module):
    """A head that runs under one of its two names."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 4)
        self.old = nn.Linear(4, 4)
        self.old.weight = self.head.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x)


def test_a_parameter_that_is_used_under_one_of_its_names_is_there() -> None:
    found = imported(_TwoNames(), (4,))
    assert found.unused == {"old.bias"}
    assert found.left_out == {"old.weight"}
    assert set(found.keys.values()) == {"head.weight", "head.bias"}


def test_without_the_proof_there_is_no_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong spec is found out: here each `relu` is written as another layer."""
    monkeypatch.setitem(HANDLERS, "relu", HANDLERS["silu"])
    module = around(_rectified, nn.Linear(4, 4))
    assert "the spec and the module differ: on a batch of 2 in eval mode the output differs" in refusal(module, (4,))


def test_a_residual_flows_from_what_it_adds_and_reads_others_by_name() -> None:
    text = (
        "netspec: 1\nname: net\ninput: [6, 4]\n\nlayers:\n  - as: x\n  - Parameter: [3, 8]\n  - residual:\n"
        "      - LayerNorm\n      - attend:\n          - - Linear: 8\n          - - use: x\n            - Linear: 8\n"
        "          - - use: x\n            - Linear: 8\n        heads: 1\n      - Linear: 8\n  - Linear: 3\n"
    )
    assert imported(netspec.build(netspec.loads(text)), (6, 4)).text == text
