"""Networks that hand states on, held against modules written by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import netspec
from tests.zoo.test_other_graphs import SPECS, agree


class Seq2Seq(nn.Module):
    def __init__(self, source: int, target: int, width: int, depth: int) -> None:
        super().__init__()
        self.read = nn.Embedding(source, width)
        self.encoder = nn.LSTM(width, width, depth, bias=False, batch_first=True)
        self.write = nn.Embedding(target, width)
        self.decoder = nn.LSTM(width, width, depth, bias=False, batch_first=True)
        self.head = nn.Linear(width, target, bias=False)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        _, state = self.encoder(self.read(source))
        steps, _ = self.decoder(self.write(target), state)
        return self.head(steps)  # type: ignore[no-any-return]


@pytest.mark.slow
def test_a_decoder_begins_with_the_states_of_the_encoder() -> None:
    small = {"source_words": 70, "target_words": 50, "width": 12}
    agree("seq2seq", Seq2Seq(70, 50, 12, 4), set=small)
    whole = netspec.load(SPECS / "seq2seq.yaml")
    recurrent = sum(leaf.params for leaf in whole.layers if leaf.type == "LSTM" and isinstance(leaf.params, int))
    assert (whole.params, recurrent) == (384_000_000, 64_000_000)


class Attentive(nn.Module):
    """Luong's global attention with `general` scores."""

    def __init__(self, source: int, target: int, width: int, depth: int) -> None:
        super().__init__()
        self.read, self.write = nn.Embedding(source, width), nn.Embedding(target, width)
        self.encoder, self.decoder = (nn.LSTM(width, width, depth, batch_first=True) for _ in range(2))
        self.compare = nn.Linear(width, width, bias=False)
        self.join, self.head = nn.Linear(2 * width, width, bias=False), nn.Linear(width, target, bias=False)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        memory, states = self.encoder(self.read(source))
        steps, _ = self.decoder(self.write(target), states)
        weights = (self.compare(steps) @ memory.mT).softmax(-1)
        return self.head(self.join(torch.cat([weights @ memory, steps], 2)).tanh())  # type: ignore[no-any-return]


@pytest.mark.slow
def test_a_decoder_weighs_all_states_of_the_encoder() -> None:
    small = {"source_words": 70, "target_words": 50, "width": 12, "depth": 2}
    agree("seq2seq_attention", Attentive(70, 50, 12, 2), exact=False, set=small)


STEP = """\
input: {token: [LENGTH, 8], h: [2, 16], c: [2, 16]}
layers:
  - LSTM: {hidden_size: 16, num_layers: 2, hx: [h, c]}
    as: [y, h1, c1]
  - use: y
  - Linear: 3
    as: out
output: {y: out, h: h1, c: c1}
"""


def test_step_by_step_is_one_pass() -> None:
    torch.manual_seed(0)
    one, whole = (netspec.build(netspec.loads(STEP.replace("LENGTH", length))).eval() for length in ("1", "6"))
    one.load_state_dict(whole.state_dict())
    x, h, c = torch.randn(3, 6, 8), torch.zeros(3, 2, 16), torch.zeros(3, 2, 16)
    expected = whole(x, h, c)
    steps: list[Tensor] = []
    for t in range(6):
        y, h, c = one(x[:, t : t + 1], h, c)
        steps.append(y)
    torch.testing.assert_close(torch.cat(steps, 1), expected.y)
    torch.testing.assert_close(h, expected.h)
    torch.testing.assert_close(c, expected.c)
