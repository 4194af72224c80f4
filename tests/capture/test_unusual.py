"""What the proof of an import has beside random numbers: those that a spec compares with, and masks that hide all."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor, nn

import netspec
from netspec.capture.graph import NotCaptured
from netspec.capture.proving.comparing import compared
from netspec.capture.proving.differences import Unproven
from netspec.capture.proving.proof import EqualityProof
from netspec.capture.proving.unusual import ComparedNumbers, with_numbers

WORDS = 4000


class _Marked(nn.Module):
    """Words, of which one is marked."""

    def __init__(self, word: int) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, 4)
        self.word = word

    def forward(self, ids: Tensor) -> Tensor:
        return self.words(ids) + (ids == self.word).float()[..., None]


SPEC = """
input: [6, int64]
layers:
  - as: ids
  - {Embedding: {num_embeddings: 4000, embedding_dim: 4}, name: words, as: x}
  - use: ids
  - Equal: 2999
  - use: "[] * 1.0"
  - Rearrange: "n l -> n l 1"
  - add: [[], x]
"""


@pytest.mark.parametrize(("word", "is_same"), [(2999, True), (2998, False), (3000, False)])
def test_one_word_of_thousands_is_seen(word: int, is_same: bool) -> None:
    net = netspec.loads(SPEC.replace('"[] * 1.0"', "mark * 1.0").replace("- Equal: 2999", "- {Equal: 2999, as: mark}"))
    proof = partial(EqualityProof, _Marked(word), net, {"words.weight": "words.weight"}, 1)
    example = [torch.randint(0, WORDS, (2, 6))]
    if is_same:
        assert compared(proof, example).worst < 1e-9
    else:
        with pytest.raises(Unproven, match="the output differs"):
            compared(proof, example)


def test_numbers_stand_behind_the_first_place_of_each_row() -> None:
    numbers = ComparedNumbers((0, 1, 2, 90), (50,))
    (found,) = with_numbers([torch.randint(0, 40, (3, 5))], numbers)
    assert set(numbers.numbers[:3]) <= set(found.flatten().tolist())
    assert 90 not in found, "no table has that row"
    assert not set(found[:, 0].tolist()) & {0, 1, 2}


class _Attention(nn.Module):
    """Attention that does not look at some keys; where it may look at none, it gives the mean of all values."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(4, 4) for _ in range(3))

    def forward(self, x: Tensor, pad: Tensor) -> Tensor:
        scores = self.q(x) @ self.k(x).transpose(1, 2) / 2
        return scores.masked_fill(pad[:, None], -1e9).softmax(-1) @ self.v(x)


class _Padded(nn.Module):
    """The same, of words of which 0 is padding."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.words = nn.Embedding(words, 4)
        self.attention = _Attention()

    def forward(self, ids: Tensor) -> Tensor:
        return self.attention(self.words(ids), ids == 0)


@pytest.mark.parametrize("words", [7, WORDS])
def test_a_row_of_padding_alone_is_told(words: int) -> None:
    found = netspec.from_torch(_Padded(words), torch.randint(0, words, (2, 5)))
    told = "where the input of an example is 0 throughout, the module and the spec differ"
    assert any(told in note for note in found.notes), found.notes


def test_a_mask_that_hides_all_is_told() -> None:
    found = netspec.from_torch(_Attention(), torch.randn(2, 5, 4), torch.zeros(2, 5, dtype=torch.bool))
    told = "where the input `pad` of an example is true throughout, the module and the spec differ"
    assert any(told in note for note in found.notes), found.notes


class _MeanOfWords(nn.Module):
    """The mean of the words that are no padding, as students write it."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.words = nn.Embedding(9, 4)
        self.way = way

    def forward(self, ids: Tensor) -> Tensor:
        match self.way:
            case "not":
                keep = (~(ids == 0)).unsqueeze(-1).float()
                return (self.words(ids) * keep).sum(1) / keep.sum(1).clamp(min=1)
            case "counted":
                keep = ids > 0
                return (self.words(ids) * keep.unsqueeze(-1)).sum(1) / keep.sum(1, keepdim=True).clamp(min=1)
            case "clamped":
                return self.words(ids.clamp(min=2)).mean(1)
            case _:
                return self.words(ids.abs()).mean(1)


@pytest.mark.parametrize("way", ["not", "counted", "clamped"])
def test_the_mean_of_words_without_padding(way: str) -> None:
    module = _MeanOfWords(way)
    found = netspec.from_torch(module, torch.randint(0, 9, (2, 5)))
    assert found.keeps_keys


def test_a_layer_that_takes_no_whole_numbers_is_told_with_its_line() -> None:
    with pytest.raises(NotCaptured, match=r"test_unusual\.py:\d+: `Abs` computes with float32 values"):
        netspec.from_torch(_MeanOfWords("abs"), torch.randint(0, 9, (2, 5)))
