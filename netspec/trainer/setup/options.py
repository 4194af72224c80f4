"""How a recipe is carried out: what the command line says beside the spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_args

from netspec.diagnostics import UsageError, did_you_mean
from netspec.recipe.base import Precision
from netspec.recipe.read import KEYS
from netspec.trainer.step.drivers import GONE, driver_names


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a recipe is carried out. None of these changes what is learned, but for `weights`, `examples`, precision."""

    device: str = "auto"
    precision: Precision | None = None
    """In place of the recipe's."""
    data_root: str | Path | None = None
    base: Path | None = None
    """Where relative paths of the recipe count from, if what they name is there; None is the working directory."""
    workers: int | None = None
    """Processes that decode what is not resident."""
    budget: int | None = None
    """Bytes that examples may take on the device; what is larger is streamed. None is a quarter of its memory."""
    examples: int | None = None
    """Use only so many examples of each part, drawn by the recipe's seed."""
    weights: Path | None = None
    """A safetensors file or a run to start from."""
    fresh: tuple[str, ...] = ()
    """Patterns of parameters that keep their initial values in spite of `weights`."""
    driver: str = "auto"
    channels_last: bool | None = None
    """Keep the channels of images innermost; None does on the CPU and on tensor cores, whose convolutions want them
    so: the other way round cuDNN turns every map over in memory of its own."""
    compile: bool = False
    deterministic: bool = False

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Options:
        """The options by their names.

        Raises:
            TypeError: there is none of that name.
            UsageError: one of them has no meaning without another, or there is no such driver.
        """
        known = [f.name for f in fields(cls)]
        for name in given:
            if name in known:
                continue
            near = did_you_mean(name, known)
            recipe = f"; of the recipe it is set with `netspec.load(…, set={{'train.{name}': …}})`"
            hint = f"; did you mean `{near}`?" if near else recipe if name in KEYS else ""
            raise TypeError(f"train has no option `{name}`{hint}")
        driver = given.get("driver", "auto")
        if driver not in driver_names():
            raise UsageError(f"there is no driver `{driver}`; say {', '.join(driver_names())}")
        if given.get("fresh") and given.get("weights") is None:
            raise UsageError("`--fresh` says which parameters `--weights` leaves alone; give both")
        return cls(**given)

    def to_dict(self) -> dict[str, Any]:
        """The options in plain values, for the run's `environment.json`."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}

    def placed(self) -> Options:
        """With paths that mean the same from every working directory."""
        root = None if self.data_root is None else Path(self.data_root).expanduser().absolute()
        return replace(self, data_root=root, base=Path.cwd() if self.base is None else self.base)

    def remembered(self, saved: Mapping[str, Any]) -> Options:
        """Those of a run that goes on: what is not given now is what it was."""
        default = Options()
        old = {key: value for key in _KEPT if (value := _option(key, saved.get(key))) is not None}
        return replace(self, **{k: v for k, v in old.items() if getattr(self, k) == getattr(default, k)}, weights=None)


_KEPT = (
    "examples", "precision", "deterministic", "channels_last", "compile", "driver", "data_root", "base", "workers",
    "budget",
)  # fmt: skip


def _option(key: str, value: Any) -> Any:
    """The value of an option that a run has noted; None for what cannot be one: the file may be changed by hand."""
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
