"""Modules that share, hide or compute in unusual ways: each is imported right, or refused with a reason."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import netspec
from netspec.capture.graph import NotCaptured
from netspec.capture.importing import from_torch
from tests.capture.modules import Block, around
from tests.capture.test_from_torch import equal, imported, refusal

# ---- batches


def _luckily(self: Any, x: Tensor) -> Tensor:
    return self.a(x) * (len(x) ** 2 - 5 * len(x) + 7)  # 1 for 2 and for 3


def test_arithmetic_on_the_batch_that_is_equal_by_chance_is_found_out() -> None:
    assert "on a batch of 7 in eval mode the output differs" in refusal(around(_luckily, nn.Linear(4, 4)), (4,))


def _squeezed(self: Any, x: Tensor) -> Tensor:
    return self.a(x).squeeze()


def test_what_one_example_alone_gives_is_told() -> None:
    found = imported(around(_squeezed, nn.Linear(4, 3)), (4,))
    assert any(note.startswith("on a batch of 1 the module does something else") for note in found.notes)
    assert "on batches of 2, 3 and 7" in found.proven
    assert "on batches of 1, 2, 3 and 7" in imported(nn.Linear(4, 3), (4,)).proven


def _drops_while_training(self: Any, x: Tensor) -> Tensor:
    q, k, v = (part.unflatten(-1, (2, 4)).transpose(1, 2) for part in self.a(x).chunk(3, -1))
    share = 0.2 if self.training else 0.0
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=share)
    return y.transpose(1, 2).flatten(2)


def test_dropout_that_is_given_while_training_alone_is_written() -> None:
    assert "dropout: 0.2" in imported(around(_drops_while_training, nn.Linear(8, 24)), (5, 8)).text


# ---- weights that are one


class Language(nn.Module):
    """Scores of words by the matrix that makes words vectors."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.head = nn.Linear(8, 20, bias=False)
        self.words = nn.Embedding(20, 8)
        self.body = nn.Linear(8, 8)
        if how == "tied":
            self.head.weight = self.words.weight
        elif how == "memory":
            self.head.weight.data = self.words.weight.data
        elif how == "part":
            self.head.weight.data = torch.zeros(24, 8)
            self.words.weight.data = self.head.weight.data[4:]

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.body(self.words(x)))
        return F.linear(x, self.words.weight) if self.how == "function" else self.head(x)


def test_a_parameter_of_two_layers_is_tied() -> None:
    module = Language("tied")
    found = from_torch(module, torch.randint(0, 20, (2, 5)))
    assert "tie: {weight: words.weight}" in found.text
    assert found.net.params == sum(parameter.numel() for parameter in module.parameters())
    model = netspec.build(found.net)
    assert found.keeps_keys
    model.load_state_dict(module.state_dict())
    x = torch.randint(0, 20, (3, 5))
    assert torch.allclose(model.eval()(x), module.eval()(x), atol=1e-6)


def test_a_parameter_that_a_function_reads_again_is_tied() -> None:
    module = Language("function")
    del module.head
    found = from_torch(module, torch.randint(0, 20, (2, 5)))
    assert "tie: {weight: words.weight}" in found.text
    assert found.net.params == 20 * 8 + 8 * 8 + 8


@pytest.mark.parametrize("how", ["memory", "part"])
def test_two_parameters_in_one_memory_are_refused(how: str) -> None:
    module = Language(how)
    with pytest.raises(NotCaptured, match="share memory, but are two parameters") as caught:
        from_torch(module, torch.randint(0, 20, (2, 5)))
    assert ("makes them one, and the spec has `tie`" in str(caught.value)) is (how == "memory")


# ---- buffers


class Buffered(nn.Module):
    """A sum with a buffer that is not saved."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.register_buffer("positions", torch.randn(shape), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + self.positions


@pytest.mark.parametrize("shape", [(4,), (1, 4)])
def test_a_buffer_that_is_not_saved_is_written_with_its_numbers(shape: tuple[int, ...]) -> None:
    module = Buffered(shape)
    found = imported(module, (4,))
    assert "persistent: false" in found.text
    assert found.keeps_keys
    assert equal(module, found, (4,))


# ---- names


@pytest.mark.parametrize(
    ("key", "name"), [("as", "m_as"), ("20000", "m_20000"), ("a-b", "a_b"), ("_x", "x"), ("1", "")]
)
def test_keys_that_are_no_names_get_one(key: str, name: str) -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        return self.a["b"](self.a[key](x))

    found = imported(around(forward, nn.ModuleDict({key: nn.Linear(4, 4), "b": nn.Linear(4, 4)})), (4,))
    assert f"a.{name}.weight" in found.keys or not name
    assert len(found.text.splitlines()) < 15


# ---- what cannot be followed


def _gives_nothing(self: Any, x: Tensor) -> None:
    self.a(x)


def _gives_a_number(self: Any, x: Tensor) -> int:
    return 3


def _gives_an_object(self: Any, x: Tensor) -> SimpleNamespace:
    return SimpleNamespace(out=self.a(x))


def _gives_zeros(self: Any, x: Tensor) -> Tensor:
    return torch.zeros(len(x), 3)


@pytest.mark.parametrize(
    ("forward", "told"),
    [
        (_gives_nothing, "the module gives a `NoneType` without tensors in it"),
        (_gives_a_number, "the module gives a `int` without tensors in it"),
        (_gives_an_object, "the module gives a `SimpleNamespace` without tensors in it"),
        (_gives_zeros, "no input decides what the module gives"),
    ],
    ids=lambda case: getattr(case, "__name__", ""),
)
def test_what_gives_no_tensor_is_told(forward: Any, told: str) -> None:
    assert told in refusal(around(forward, nn.Linear(4, 4)), (4,))


class Scripted(nn.Module):
    """A network with a part that torch has compiled."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.jit.trace(nn.Linear(4, 4), torch.zeros(2, 4))
        self.second = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x))


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_a_compiled_part_is_named() -> None:
    with pytest.raises(NotCaptured, match=r"`first` was compiled by `torch\.jit`"):
        from_torch(Scripted(), torch.zeros(2, 4))


def test_a_module_that_cannot_be_copied_is_written_without_the_proof() -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    module.lock = threading.Lock()
    assert "the module cannot be copied, which the proof needs: TypeError" in refusal(module, (4,))
    assert "ReLU" in from_torch(module, torch.zeros(2, 4), is_verified=False).text


def test_lazy_layers_get_their_sizes_and_stay_lazy() -> None:
    module = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(2))
    found = from_torch(module, torch.zeros(2, 6))
    assert found.net.params == 6 * 8 + 8 + 8 * 2 + 2
    assert isinstance(module[0], nn.LazyLinear)


def test_sparse_gradients_are_compared() -> None:
    module = nn.Sequential(nn.Embedding(10, 4, sparse=True), nn.Linear(4, 2))
    found = from_torch(module, torch.randint(0, 10, (2, 5)))
    assert "sparse: true" in found.text
    assert found.difference is not None


def test_a_module_on_another_device_is_refused() -> None:
    with pytest.raises(NotCaptured, match="is on the device `meta`"):
        from_torch(nn.Linear(4, 4, device="meta"), torch.zeros(2, 4))


# ---- as people write them


class Sentences(nn.Module):
    """The last states of both directions of an LSTM, of words at positions that are counted."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(20, 8)
        self.positions = nn.Embedding(12, 8)
        self.lstm = nn.LSTM(8, 6, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.words(x) + self.positions(torch.arange(x.shape[1]))
        _, (hidden, _) = self.lstm(x)
        return self.head(torch.cat([hidden[-2], hidden[-1]], 1))


def test_counted_positions_and_the_states_of_several_layers_are_read() -> None:
    module = Sentences()
    found = from_torch(module, torch.randint(0, 20, (2, 7)))
    assert 'Buffer: {value: "range(7)", persistent: false, dtype: int64}' in found.text
    assert "Select: {dim: 1, index: -1}" in found.text
    model = netspec.build(found.net)
    model.load_state_dict(module.state_dict())
    x = torch.randint(0, 20, (5, 7))
    assert torch.allclose(model.eval()(x), module.eval()(x), atol=1e-5)


def test_a_number_that_is_equal_wherever_it_stands_is_a_parameter_that_says_the_same() -> None:
    module = nn.Sequential(nn.Conv2d(3, 8, 1), Block(8, 8), Block(8, 16, 2), Block(16, 16), Block(16, 32, 2))
    text = imported(module, (3, 16, 16)).text
    assert "Conv2d: {out_channels: out, kernel_size: 1, stride: stride, bias: false}" in text
    assert "stride: 2" not in text


def _each(self: Any, x: Tensor) -> Tensor:
    for part in self.parts:
        x = part(x)
    return x


def test_a_layer_in_a_plain_list_is_refused_with_what_to_do_and_that_helps() -> None:
    listed = around(_each)
    listed.parts = [nn.Linear(4, 4)]  # type: ignore[assignment]  # as programs do it
    told = refusal(listed, (4,))
    assert "`Linear` has no place in the module: it is made while that runs, or kept in a list or a dict" in told
    assert "in a `ModuleList`" in told
    kept = around(_each)
    kept.parts = nn.ModuleList([nn.Linear(4, 4)])
    assert from_torch(kept, torch.randn(2, 4)).difference is not None


def _activated(self: Any, x: Tensor) -> Tensor:
    return self.b(nn.ReLU()(self.a(x)))


def test_a_layer_without_weights_that_is_made_in_each_run_is_imported() -> None:
    found = from_torch(around(_activated, nn.Linear(4, 6), nn.Linear(6, 3)), torch.randn(2, 4))
    assert "ReLU" in found.text
    assert found.keeps_keys


def _dropped(self: Any, x: Tensor) -> Tensor:
    return self.a(nn.Dropout(0.5)(x))


def test_a_dropout_that_is_made_in_each_run_is_refused_since_it_always_drops() -> None:
    assert "drops values always" in refusal(around(_dropped, nn.Linear(4, 4)), (4,))


class _TimeFirst(nn.Module):
    """Recurrent layers as torch makes them by default, with the batch in second place."""

    def __init__(self, *, swaps: bool = True) -> None:
        super().__init__()
        self.a = nn.GRU(4, 6)
        self.b = nn.LSTM(6, 5, 2, bidirectional=True)
        self.swaps = swaps

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.a(input=x.transpose(0, 1) if self.swaps else x)[0].relu()
        y, (h, _) = self.b(x, (torch.zeros(4, x.shape[1], 5), torch.zeros(4, x.shape[1], 5)))
        return y.mean(0), h[-1]


def test_recurrent_layers_may_have_the_batch_in_second_place() -> None:
    found = imported(_TimeFirst(), (7, 4))
    assert "{GRU: 6, name: a}" in found.text
    assert "Rearrange" not in found.text
    assert found.keeps_keys


def test_a_recurrent_layer_that_is_given_the_batch_in_the_wrong_place_is_told() -> None:
    assert "with `batch_first=False` the batch is the second axis" in refusal(_TimeFirst(swaps=False), (7, 4))
