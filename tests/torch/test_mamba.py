"""The network of docs/mamba.md beside one written by hand, which sums over all earlier steps and has no recurrence."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import netspec
from netspec.net import Net
from tests.emitted import emitted
from tests.followed import Page

WORDS, WIDTH, DEPTH, LENGTH, STATE = 29, 32, 3, 11, 16
INNER, RANK = 2 * WIDTH, WIDTH // 16


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    """The spec of the page at a small size; its modules can be imported meanwhile."""
    place = Page("mamba").write(tmp_path_factory.mktemp("mamba"))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(place)
        sizes = {"words": WORDS, "width": WIDTH, "depth": DEPTH, "length": LENGTH}
        yield netspec.load(place / "mamba.yaml", set=sizes, layers=[import_module("mamba_layers").SelectiveScan])


class Block(nn.Module):
    """The recurrence written out: of what step s took up, exp(A (Δ of the steps behind s, to t)) is left at step t."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.Parameter(torch.empty(WIDTH))
        self.in_proj = nn.Parameter(torch.empty(2 * INNER, WIDTH))
        self.kernel, self.kernel_bias = nn.Parameter(torch.empty(INNER, 1, 4)), nn.Parameter(torch.empty(INNER))
        self.a_log, self.skip = nn.Parameter(torch.empty(INNER, STATE)), nn.Parameter(torch.empty(INNER))
        self.x_proj = nn.Parameter(torch.empty(RANK + 2 * STATE, INNER))
        self.dt_proj, self.dt_bias = nn.Parameter(torch.empty(INNER, RANK)), nn.Parameter(torch.empty(INNER))
        self.out_proj = nn.Parameter(torch.empty(WIDTH, INNER))

    def forward(self, x: Tensor) -> Tensor:
        u = normed(x, self.norm) @ self.in_proj.T
        u, z = u[..., :INNER], u[..., INNER:]
        late = F.pad(u, (0, 0, 3, 0))
        u = sum((late[:, k : k + LENGTH] * self.kernel[:, 0, k] for k in range(4)), self.kernel_bias)
        u = u * torch.sigmoid(u)
        low, b, c = torch.split(u @ self.x_proj.T, [RANK, STATE, STATE], dim=-1)
        delta = torch.log1p(torch.exp(low @ self.dt_proj.T + self.dt_bias))
        until = delta.cumsum(1)
        behind = until[:, :, None] - until[:, None]  # N, t, s, features
        left = torch.exp(-torch.exp(self.a_log) * behind.unsqueeze(-1))
        seen = torch.ones(LENGTH, LENGTH, dtype=x.dtype).tril()
        y = torch.einsum("btsdk,ts,bsd,bsk,btk->btd", left, seen, delta * u, b, c) + self.skip * u
        return x + (y * z * torch.sigmoid(z)) @ self.out_proj.T


class ByHand(nn.Module):
    """Blocks between a table of tokens and the same table."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(WORDS, WIDTH))
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.norm = nn.Parameter(torch.empty(WIDTH))

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.table[tokens]
        for block in self.blocks:
            x = block(x)
        return normed(x, self.norm) @ self.table.T


def normed(x: Tensor, weight: Tensor) -> Tensor:
    return x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weight


def drawn(net: Net) -> nn.Module:
    """The network in float64, with weights that are far from their initial values."""
    model = netspec.build(net).double()
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return model


def tokens() -> Tensor:
    return torch.randint(WORDS, (2, LENGTH), generator=torch.Generator().manual_seed(1))


def test_it_computes_what_the_network_by_hand_does(net: Net) -> None:
    model, by_hand = drawn(net), ByHand().double()
    in_order = [by_hand.table, *by_hand.blocks.parameters(), by_hand.norm]
    for mine, given in zip(in_order, model.parameters(), strict=True):
        assert mine.shape == given.shape
        mine.data.copy_(given.data)
    assert net.params == sum(parameter.numel() for parameter in by_hand.parameters())
    expected = by_hand(tokens())
    assert expected.std() > 0.5
    torch.testing.assert_close(model(tokens()), expected, rtol=0, atol=1e-9)


def test_a_later_token_changes_no_earlier_output(net: Net) -> None:
    model, x = drawn(net), tokens()
    before = model(x)
    for t in range(1, LENGTH):
        other = x.clone()
        other[:, t] = (x[:, t] + 1) % WORDS
        after = model(other)
        torch.testing.assert_close(after[:, :t], before[:, :t], rtol=0, atol=1e-12)
        changed = (after - before).abs().amax(dim=(0, 2))
        assert (changed[t:] > 1e-9).all()  # and it changes all that follow


def test_a_gradient_reaches_every_parameter(net: Net) -> None:
    model = netspec.build(net)
    F.cross_entropy(model(tokens()).flatten(0, 1), tokens().flatten()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_the_scan_begins_as_it_says(net: Net) -> None:
    scan = netspec.build(net).get_submodule("1.body.8")
    state = scan.state_dict()
    torch.testing.assert_close(state["A_log"].exp(), torch.arange(1.0, STATE + 1).expand(INNER, STATE))
    assert torch.equal(state["D"], torch.ones(INNER))
    begun = F.softplus(state["dt_proj.bias"])
    assert 0.00099 < begun.min() < 0.01 < begun.max() < 0.101
    assert state["dt_proj.weight"].abs().max() <= RANK**-0.5


def test_the_written_file_is_the_built_network(net: Net) -> None:
    built, made = netspec.build(net), emitted(net)
    made.load_state_dict(built.state_dict())
    assert torch.equal(made(tokens()), built(tokens()))
