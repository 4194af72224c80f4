"""What `returns` hands on, against the pair that torch returns."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netspec.torch.recurrent import ChainGRU, ChainLSTM, ChainRNN

PAIRS = [(nn.RNN, ChainRNN), (nn.LSTM, ChainLSTM), (nn.GRU, ChainGRU)]


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_chain_gets_the_outputs_or_the_last_state_of_the_top_layer(
    theirs: type[nn.RNNBase], ours: type[nn.RNNBase], bidirectional: bool
) -> None:
    settings = {"num_layers": 2, "bidirectional": bidirectional, "batch_first": True}
    original = theirs(3, 4, **settings)
    x = torch.rand(2, 5, 3)
    steps, state = original(x)
    top = (state[0] if isinstance(state, tuple) else state).unflatten(0, (2, -1))[-1]  # (directions, N, H)
    for returns, wanted in (("sequence", steps), ("last", top.transpose(0, 1).flatten(1))):
        chain = ours(3, 4, returns=returns, **settings)
        chain.load_state_dict(original.state_dict())
        assert torch.equal(chain(x), wanted)


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_the_last_state_is_the_last_output_forward_and_the_first_output_backward(
    theirs: type[nn.RNNBase], ours: type[nn.RNNBase]
) -> None:
    chain = ours(3, 4, bidirectional=True, batch_first=True)
    x = torch.rand(2, 5, 3)
    steps = chain(x)
    chain.returns = "last"
    assert torch.allclose(chain(x), torch.cat([steps[:, -1, :4], steps[:, 0, 4:]], dim=1))
