"""The loss by the learning rate, as a learning-rate finder has it: as text, plain values, and a picture."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from io import BytesIO
from math import floor, log10
from pathlib import Path
from typing import Any, Final

from netspec.diagnostics import MissingExtra, UsageError
from netspec.extras import install
from netspec.trainer.machine.disk import write_atomically

ENDINGS: Final = (".svg", ".png")
_ROWS: Final = 12
"""So many lines of the table, about."""
METHOD: Final = "steepest"
"""What is proposed. fastai's `valley` counts noise in a flat beginning as a part of the valley, and is then too low."""
_MARKS: Final = {"steepest": "#c44e52", "valley": "#8172b3", "minimum_tenth": "#55a868"}
_METHODS: Final = {
    "steepest": ("steepest", "where the loss falls fastest"),
    "valley": ("valley", "the middle of its longest valley"),
    "minimum_tenth": ("minimum / 10", "a tenth of where it is least"),
}


@dataclass(frozen=True)
class RateCurve:
    """The loss while the learning rate rises, and the learning rate that it proposes."""

    name: str
    """That of the net."""
    optimizer: str
    key: str
    """The key of the spec that the proposal is for: `train.optimizer.SGD.lr`."""
    device: str
    batch: int
    """Examples of a step."""
    steps: int
    """How many were to be; `len(rates)` were measured."""
    lowest: float
    highest: float
    """The range of the rates that were to be tried."""
    seconds: float
    rates: tuple[float, ...] = field(repr=False)
    """The learning rate of each step. Groups with one of their own have it in the same proportion."""
    losses: tuple[float, ...] = field(repr=False)
    """The loss of each step's batches, before its update."""
    smoothed: tuple[float, ...] = field(repr=False)
    """The moving average of the losses."""
    ended: str
    """Why it ended: `at the highest rate`, `the loss diverged` or `the loss was not finite`."""
    ended_at: float
    """The learning rate of the last step, whether its loss was finite or not."""
    proposals: dict[str, float]
    """By method, `steepest`, `valley` and `minimum_tenth`; empty if the loss does not fall."""
    advice: str = ""
    """What to do where there is no proposal, or a doubtful one; else empty."""

    @property
    def suggestion(self) -> float | None:
        """The proposal, that of `steepest`; None if there is none."""
        return self.proposals.get(METHOD)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        return {
            "name": self.name, "optimizer": self.optimizer, "key": self.key, "device": self.device,
            "batch": self.batch, "steps": self.steps, "lowest": self.lowest, "highest": self.highest,
            "seconds": round(self.seconds, 3), "suggestion": self.suggestion,
            "method": None if self.suggestion is None else METHOD, "proposals": dict(self.proposals),
            "ended": self.ended, "ended_at": self.ended_at, "advice": self.advice or None,
            "rates": list(self.rates), "losses": list(self.losses), "smoothed": list(self.smoothed),
        }  # fmt: skip

    def text(self, width: int = 80) -> str:
        """What was tried, a table of the smoothed loss, and the proposal with how it was found; `advice` is not in it.

        Args:
            width: columns.
        """
        count = f"{len(self.rates)} of {self.steps}" if len(self.rates) < self.steps else str(self.steps)
        head = f"{self.name}: {self.optimizer}, {count} steps of {self.batch} examples on {self.device}, "
        lines = textwrap.wrap(head + f"{self.seconds:.1f} s", width, break_on_hyphens=False)
        lines += ["", *self._table(width), ""]
        for method, rate in self.proposals.items():
            lead = "learning rate" if method == METHOD else ""
            label, meaning = _METHODS[method]
            lines.append(f"{lead:<13} {rate_text(rate):<8} {label}: {meaning}")
        lines.append(f"{'ended':<13} {rate_text(self.ended_at):<8} {self.ended}")
        return "\n".join(lines)

    def picture(self, form: str = "svg") -> bytes:
        """The curve as a picture, `svg` or `png`: the loss of each step, smoothed, and the proposals.

        Raises:
            MissingExtra: matplotlib is not installed.
        """
        if find_spec("matplotlib") is None:
            raise MissingExtra("the picture needs matplotlib", install("torch"))
        import matplotlib as untyped  # imported here, since it is slow

        matplotlib: Any = untyped
        with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "netspec", "font.size": 10}):
            from matplotlib.figure import Figure

            figure: Any = Figure(figsize=(7.2, 4.2), layout="constrained")
            self._draw(figure.subplots())
            figure.legend(frameon=False, loc="outside lower center", ncols=5, fontsize=9, columnspacing=1.2)
            stream = BytesIO()
            told = {"metadata": {"Date": None, "Creator": None}} if form == "svg" else {}
            figure.savefig(stream, format=form, dpi=150, **told)
        return stream.getvalue()

    def plot(self, file: str | Path) -> None:
        """Write the picture into a file, SVG or PNG by its ending.

        Raises:
            UsageError: the file has another ending, or its directory does not exist.
            MissingExtra: matplotlib is not installed.
            ResourceError: it cannot be written.
        """
        path = Path(file)
        if path.suffix.lower() not in ENDINGS:
            raise UsageError(f"cannot draw into {path}: the name ends with {' or '.join(ENDINGS)}")
        if not path.parent.is_dir():
            raise UsageError(f"cannot write {path}: there is no directory {path.parent}; make it first")
        write_atomically(path, self.picture(path.suffix[1:].lower()), durable=False)

    def _table(self, width: int) -> Iterator[str]:
        """Rates at equal distances, each with the smoothed loss and a bar from its least to the most of its first half;
        a loss that is higher, as where it diverges, has a full one."""
        yield f"{'rate':>8}  {'loss':>10}"
        if not self.rates:
            return
        last = len(self.rates) - 1
        shown = sorted({round(last * i / _ROWS) for i in range(_ROWS + 1)})
        least, room = min(self.smoothed), min(50, width - 22)
        span = (self._first_half - least) or 1.0
        for place in shown:
            share = (self.smoothed[place] - least) / span
            bar = "█" * max(0, min(room, round(room * share)))
            yield f"{rate_text(self.rates[place]):>8}  {self.smoothed[place]:>10.4g}  {bar}".rstrip()

    @property
    def _first_half(self) -> float:
        return max(self.smoothed[: (len(self.smoothed) + 1) // 2])

    def _draw(self, axes: Any) -> None:
        axes.set_xscale("log")
        axes.plot(self.rates, self.losses, color="#4c72b0", alpha=0.35, linewidth=0.9, label="loss of a step")
        axes.plot(self.rates, self.smoothed, color="#4c72b0", linewidth=2.0, label="smoothed")
        for method, rate in self.proposals.items():
            label, own = f"{_METHODS[method][0]}: {rate_text(rate)}", method == METHOD
            axes.axvline(rate, color=_MARKS[method], linewidth=1.8 if own else 1.0, linestyle="-" if own else "--",
                         label=label)  # fmt: skip
        if self.smoothed:  # a loss that diverges would flatten all the rest
            least, most = min(self.losses), self._first_half
            room = (most - least) or abs(most) or 1.0
            axes.set_ylim(least - 0.05 * room, most + 0.3 * room)
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlabel("learning rate")
        axes.set_ylabel("loss")
        axes.set_title(f"{self.name}: the loss while the learning rate rises", fontsize=10, loc="left")


def rate_text(rate: float) -> str:
    """A learning rate in two digits: `0.036`, `1.2e-05`.

    >>> rate_text(0.03615), rate_text(0.0000123), rate_text(3.0)
    ('0.036', '1.2e-05', '3')
    """
    digits = -floor(log10(rate)) + 1 if rate > 0 else 0
    return f"{rate:.{max(0, digits)}f}".rstrip("0").rstrip(".") if 1e-3 <= rate < 1e3 and digits > 0 else f"{rate:.2g}"
