"""The options of a training run that are not part of the spec."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from inspect import signature
from pathlib import Path
from typing import Any, get_args

from netspec.asked import option
from netspec.diagnostics import UsageError, did_you_mean
from netspec.recipe.base import Precision
from netspec.recipe.read import KEYS
from netspec.trainer.step.drivers import GONE, driver_names


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a recipe is executed. Only `weights`, `examples` and `precision` change what is learned."""

    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:N`."""
    precision: Precision | None = None
    """Replaces the recipe's precision."""
    data_root: str | Path | None = None
    """The directory of torchvision's data sets; see `data.parts.data_root`."""
    base: Path | None = None
    """The directory for relative paths of the recipe that exist there; None for the working directory."""
    workers: int | None = None
    """Worker processes that decode examples which are not resident."""
    budget: int | None = None
    """Bytes that examples may take on the device; larger data are streamed. None for a quarter of its memory."""
    examples: int | None = None
    """The most examples of each split, drawn with the recipe's seed; None for all."""
    weights: Path | None = None
    """A safetensors file or a run whose weights to start from."""
    fresh: tuple[str, ...] = ()
    """Patterns of keys that are not loaded from `weights`: those of the net keep their initial values, those of the
    file are ignored."""
    driver: str = "auto"
    """How steps are run: see `step/drivers.py`."""
    channels_last: bool | None = None
    """Use the channels-last memory format. None for True on the CPU and on tensor cores, whose convolutions need it:
    otherwise cuDNN transposes every feature map."""
    compile: bool = False
    """Use `torch.compile`."""
    deterministic: bool = False
    """Use deterministic kernels only."""
    shard: bool | None = None
    """Divide the net among the processes: each holds a part of the parameters, their gradients and the optimizer's
    state. None for what the run was started with, False for a new one."""

    @classmethod
    def of(cls, given: Mapping[str, Any], call: Callable[..., Any] | None = None) -> Options:
        """Options from keyword arguments of `call`, which has others of its own; None stands for `netspec.train`.

        Raises:
            TypeError: there is no option with a name.
            UsageError: `fresh` is given without `weights`, or there is no such driver.
        """
        known = [f.name for f in fields(cls)]
        for name in given:
            if name in known:
                continue
            own = (
                []
                if call is None
                else [key for key, of in signature(call).parameters.items() if of.kind is of.KEYWORD_ONLY]
            )
            near = did_you_mean(name, [*own, *known])
            recipe = f"; of the recipe it is set with `netspec.load(…, set={{'train.{name}': …}})`"
            hint = f"; did you mean `{near}`?" if near else recipe if name in KEYS else ""
            raise TypeError(f"{'train' if call is None else call.__name__} has no option `{name}`{hint}")
        driver = given.get("driver", "auto")
        if driver not in driver_names():
            raise UsageError(f"there is no driver `{driver}`; say {', '.join(driver_names())}")
        if given.get("fresh") and given.get("weights") is None:
            raise UsageError(f"{option('fresh')} says which parameters {option('weights')} leaves alone; give both")
        return cls(**given)

    def to_dict(self) -> dict[str, Any]:
        """The options as plain values, for `environment.json`."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}

    def placed(self) -> Options:
        """The options with absolute paths, which do not depend on the working directory."""
        root = None if self.data_root is None else Path(self.data_root).expanduser().absolute()
        return replace(self, data_root=root, base=Path.cwd() if self.base is None else self.base)

    def remembered(self, saved: Mapping[str, Any]) -> Options:
        """The options to resume a run with: options that are not given now have their saved values."""
        default = Options()
        old = {key: value for key in _KEPT if (value := _option(key, saved.get(key))) is not None}
        return replace(self, **{k: v for k, v in old.items() if getattr(self, k) == getattr(default, k)}, weights=None)


_KEPT = (
    "examples", "precision", "deterministic", "channels_last", "compile", "driver", "data_root", "base", "workers",
    "budget", "shard",
)  # fmt: skip

STARTING = ("weights", "fresh")
"""The options that are for the beginning of a run only."""


def _option(key: str, value: Any) -> Any:
    """A saved option; None if its value is invalid, since `environment.json` may have been edited."""
    match key:
        case "examples" | "workers" | "budget":
            return value if type(value) is int and value >= (key == "examples") else None
        case "precision":
            return value if value in get_args(Precision) else None
        case "driver":
            return value if value in driver_names() else "eager" if value in GONE else None
        case "data_root" | "base":
            return Path(value) if isinstance(value, str) and value and "\0" not in value else None
        case _:
            return value if isinstance(value, bool) else None


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # patterns
