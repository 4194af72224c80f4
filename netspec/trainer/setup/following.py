"""What a net must be to learn the next token: large enough for the tokens, and blind to what comes behind."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netspec.diagnostics import ResourceError, UsageError
from netspec.net import Net
from netspec.trainer.machine.host import ints
from netspec.trainer.machine.random_state import get_random_state, set_random_state
from netspec.trainer.measure.evaluation import evaluating
from netspec.trainer.measure.losses import Objective

_EQUAL = 1e-4
"""The largest difference, as a share of the largest score, between scores that count as equal."""


def check_tokens(net: Net, objective: Objective, tokens: int, origin: str) -> None:
    """Hold a net against the number of tokens of its text.

    Args:
        net: the net.
        objective: its losses.
        tokens: how many tokens there are.
        origin: where they are from, for messages.

    Raises:
        ResourceError: a table or an output is too small; the message has its line.
    """
    last = net.layers[-1]
    for leaf in net.layers:
        rows = leaf.layer.integers
        if rows is not None and rows < tokens and not leaf.input.constant:
            raise ResourceError(
                f"{origin} has {tokens:,} tokens, but `{leaf.type}` ({leaf.span.place}) has {rows:,} rows: "
                f"there is none for the others; write `num_embeddings: {tokens}`"
            )
    for term in objective.terms:
        width = term.scores[-1] if term.term.next_token else None
        if isinstance(width, int) and width < tokens:
            where = f"`{last.type}` ({last.span.place})" if len(net.outputs) == 1 else f"output `{term.term.label}`"
            raise ResourceError(
                f"{origin} has {tokens:,} tokens, but {where} gives {width:,} scores: there is none for the others; "
                f"let the last layer give {tokens}"
            )


def check_looks_back(model: nn.Module, objective: Objective, block: Tensor, tokens: int, device: torch.device) -> None:
    """Ask a net for the scores of a block twice, the last token being another one the second time.

    A net whose eval mode draws random numbers is not judged.

    Args:
        model: the net.
        objective: its losses.
        block: int64 (1, length), on the device.
        tokens: how many tokens there are.
        device: of the model.

    Raises:
        UsageError: what it gives for an earlier token has changed.
    """
    changed = block.clone()
    changed[:, -1] = (changed[:, -1] + 1) % tokens
    state = get_random_state(device)
    with evaluating(model):
        first, again, other = (scores_of(model, objective, x) for x in (block, block, changed))
    set_random_state(state, device)
    if torch.equal(first, again) and (seen := _seeing(first, other)):
        length = block.shape[1]
        raise UsageError(
            f"the net sees the token that it is to say: its scores at place {seen} of {length} change with the token "
            f"at place {length}; it may look back only: attention has `is_causal: true`, and a convolution all of its "
            "padding in front"
        )


def scores_of(model: nn.Module, objective: Objective, block: Tensor) -> Tensor:
    """The scores of the next token at each place of blocks (N, length): float32 (N, length, tokens)."""
    term = next(term for term in objective.terms if term.term.next_token)
    return objective.outputs(model(block))[0][term.term.of[0]].float()


def _seeing(first: Tensor, other: Tensor) -> int:
    """The last place, counted from 1, before the last one at which two blocks of scores differ; 0 if none does."""
    apart = (first - other).abs().amax(dim=(0, 2))[:-1]
    places = torch.nonzero(apart > _EQUAL * first.abs().max()).squeeze(1)
    return max(ints(places), default=-1) + 1
