"""What a trained net says after a text: `netspec predict` of a run on text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from netspec.diagnostics import UsageError
from netspec.trainer.data.text import tokens_of
from netspec.trainer.errors import NonFinite
from netspec.trainer.machine.device import numerics
from netspec.trainer.machine.host import ints
from netspec.trainer.measure.evaluation import autocast, evaluating
from netspec.trainer.measure.losses import Objective
from netspec.trainer.setup.following import check_looks_back, scores_of
from netspec.trainer.trained.opening import Trained


class Sampling(NamedTuple):
    """How a token is drawn from the scores of all."""

    temperature: float = 1.0
    """Scores are divided by it; 0 takes the likeliest token."""
    top_k: int | None = None
    """Only so many of the likeliest tokens are drawn from; None for all."""
    seed: int = 0


@dataclass(frozen=True)
class Continuation:
    """A text and what a net says after it."""

    source: dict[str, Any]
    """Where the text is from, for JSON: `file`; empty if it was given itself."""
    prompt: str
    text: str
    """What the net says. Bytes that are no UTF-8 are U+FFFD; a last character that is not whole is left out."""
    tokens: int
    """How many tokens that is."""
    window: int
    """How many tokens the net sees."""
    forgot: int
    """How many tokens of prompt and text the net no longer saw when it gave the last one."""

    def to_dict(self) -> dict[str, Any]:
        """The continuation as plain values, for JSON."""
        return {
            **self.source,
            "prompt": self.prompt,
            "text": self.text,
            "tokens": self.tokens,
            "window": self.window,
            "forgot": self.forgot,
        }


def continue_text(
    trained: Trained, prompt: str, tokens: int, sampling: Sampling, source: dict[str, Any] | None = None
) -> Continuation:
    """Let a run on text go on with a text.

    The net sees as many tokens as its input is long; of a longer text the last ones, so that each new token pushes the
    oldest one out. A shorter text stands at the beginning of the input, and what is behind it does not count.

    Args:
        trained: the run.
        prompt: the text to go on with.
        tokens: how many tokens to add.
        sampling: how each is drawn. Equal seeds give equal texts on equal machines.
        source: see `Continuation`.

    Raises:
        UsageError: the run is not on text, the text is empty, or the net sees tokens that come behind.
        ResourceError: the tokens of the run are missing or damaged.
        MissingExtra: they need the library `tokenizers`, which is not installed.
        NonFinite: a score is not finite.
    """
    data, run = trained.recipe.data, trained.run
    if not data.next_token:
        raise UsageError(f"the run `{run.path}` is on `{data.name()}`, and only a run on text continues one")
    if not prompt.isascii() and any("\ud800" <= char <= "\udfff" for char in prompt):
        raise UsageError("the text to continue has bytes that are no UTF-8; write it in UTF-8")
    known = tokens_of(data, run.path / str(data.keeps))
    before = ints(known.encode(prompt).long())
    if not before:
        raise UsageError("there is no text to continue: it is empty" + (" to the run's tokenizer" if prompt else ""))
    new = _drawn(trained, before, tokens, known.size, sampling)
    head, whole = known.decode(before), known.decode([*before, *new])
    text = whole.removeprefix(head) if whole.startswith(head) else known.decode(new)
    window = _length(trained)
    forgot = max(len(before) + len(new) - 1 - window, 0)
    return Continuation(source or {}, prompt, text, len(new), window, forgot)


def _length(trained: Trained) -> int:
    """The tokens that the net sees."""
    size = trained.net.input_shape[0]
    assert isinstance(size, int), "a net that trains has numbers for sizes"
    return size


def _drawn(trained: Trained, before: list[int], count: int, size: int, sampling: Sampling) -> list[int]:
    """The tokens that follow some, of `size` that there are."""
    device, length = trained.arithmetic.device, _length(trained)
    model, objective = trained.model, trained.objective()
    generator = torch.Generator().manual_seed(sampling.seed)
    said = list(before)
    with numerics(trained.arithmetic):
        check_looks_back(model, objective, _block(said, length, device), size, device)
        with evaluating(model), autocast(trained.arithmetic):
            while len(said) < len(before) + count:
                scores = _scores(model, objective, said, length, device)[:size]
                if not bool(scores.isfinite().all()):
                    raise NonFinite(f"`{trained.run.path}`: the scores of token {len(said) + 1} are not finite")
                said.append(_choice(scores, sampling, generator))
    return said[len(before) :]


def _block(tokens: list[int], length: int, device: torch.device) -> Tensor:
    """The last tokens as an input of the net: int64 (1, length), filled up with 0 behind them."""
    seen = tokens[-length:]
    return torch.tensor([[*seen, *[0] * (length - len(seen))]], device=device)


def _scores(model: nn.Module, objective: Objective, tokens: list[int], length: int, device: torch.device) -> Tensor:
    """The scores of the token behind some: float64 (tokens,), on the host."""
    place = min(len(tokens), length) - 1
    return scores_of(model, objective, _block(tokens, length, device))[0, place].cpu().double()


def _choice(scores: Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    """A token by its scores (tokens,)."""
    if sampling.temperature == 0:
        return int(scores.argmax())
    if sampling.top_k is not None and sampling.top_k < len(scores):
        kept = scores.topk(sampling.top_k).indices
        scores = torch.full_like(scores, -torch.inf).index_copy(0, kept, scores[kept])
    shares = ((scores - scores.max()) / sampling.temperature).softmax(0)
    return int(torch.multinomial(shares, 1, generator=generator))
