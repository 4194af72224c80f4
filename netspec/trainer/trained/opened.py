"""A trained run as a program has it: `netspec.open_run`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from netspec.arguments import Arguments
from netspec.diagnostics import UsageError
from netspec.layers import OWN
from netspec.net import Net
from netspec.recipe.datasets.given import Given as GivenSet
from netspec.recipe.losses.function import Function
from netspec.trainer.data.ends import given_of
from netspec.trainer.data.load import load_data
from netspec.trainer.data.splits import DataSplits, Split
from netspec.trainer.data.supplied import GivenData
from netspec.trainer.data.targets import dtype_text, sizes_text
from netspec.trainer.machine.device import numerics
from netspec.trainer.machine.disk import write_atomically
from netspec.trainer.machine.undisturbed import kept_randomness
from netspec.trainer.measure.evaluation import autocast, evaluate, evaluating
from netspec.trainer.measure.figures import make_metrics
from netspec.trainer.measure.given import check_loss
from netspec.trainer.measure.objective import make_objective
from netspec.trainer.run.records import Record, read_records
from netspec.trainer.serving.served import PixelType, Serving
from netspec.trainer.trained.exporting import Exported, export, written_form
from netspec.trainer.trained.opening import Trained, open_trained


def open_run(
    path: str | os.PathLike[str],
    *,
    plugins: Sequence[str | type[Arguments]] = (),
    device: str = "auto",
    best: bool = False,
    last: bool = False,
) -> OpenedRun:
    """Open a trained run with its weights, the best where its recipe has a `best`, else those at the end; or with those
    of its newest checkpoint if it is unfinished.

    Args:
        path: the run directory.
        plugins: the modules or distributions that its layers and parts of its recipe come from, as `--plugin` names
            them, or the classes.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        best: the weights of the best checkpoint, of an unfinished run too.
        last: the weights at the end in place of the best.

    Raises:
        UsageError: `path` is no run, or it has no best checkpoint.
        PluginError: the net or its recipe has something of a plugin that is not named, or not there.
        ResourceError: the weights are damaged, or there are none yet.
        NonFinite: a weight is not finite.

    >>> import torch
    >>> net = netspec.loads(
    ...     "{input: [8], layers: [Linear: 4], train: {data: synthetic, batch_size: 64,"
    ...     " epochs: 2, optimizer: SGD, loss: CrossEntropyLoss}}"
    ... )
    >>> result = netspec.train(net, run=folder / "second", quiet=True)
    >>> run = netspec.open_run(result.run)
    >>> run.predict(torch.zeros(5, 8)).shape
    torch.Size([5, 4])
    >>> sorted(run.evaluate())
    ['accuracy', 'loss']
    """
    given = (plugins,) if isinstance(plugins, str) else tuple(plugins)
    offer = OWN
    if given:
        from netspec.plugins.importing import given_offer  # imported here: few runs have any

        offer = given_offer((), given)
    return OpenedRun(open_trained(Path(path), device=device, best=best, last=last, offer=offer))


class OpenedRun:
    """A trained run."""

    def __init__(self, trained: Trained) -> None:
        self._trained = trained

    def __repr__(self) -> str:
        return f"<Run {self.path}: {self.net.name}, {self._trained.origin}, {len(self.records)} epochs>"

    @property
    def path(self) -> Path:
        """The run directory."""
        return self._trained.run.path

    @property
    def net(self) -> Net:
        """The net, with the recipe that it was trained by."""
        return self._trained.net

    @property
    def model(self) -> nn.Module:
        """The model with its weights, in eval mode on the device."""
        return self._trained.model

    @property
    def names(self) -> list[str]:
        """The names of the classes; `"0"`, `"1"` … if the data have none."""
        return self._trained.names

    @cached_property
    def records(self) -> list[Record]:
        """The records of the run, one for each epoch."""
        return read_records(self.path)

    @cached_property
    def data(self) -> Mapping[str, Split]:
        """The parts of the data as the recipe says: `train`, `validation`, `test`. `len()` counts their examples, and
        `batches(size)` gives them.

        Raises:
            UsageError: a program gave the data, which are in no file of the run.
            ResourceError: data are missing or damaged.
        """
        return self._splits.parts

    @cached_property
    def _splits(self) -> DataSplits:
        return self._trained.data()

    def predict(self, x: Any) -> Any:
        """What the net gives for examples.

        Args:
            x: a tensor (N, …) as the net takes it; for several inputs a dict by their names or a tuple in their order.

        Returns:
            The output on the host, (N, …); several as a dict by their names.

        Raises:
            UsageError: `x` is not what the net takes.
        """
        net, arithmetic = self.net, self._trained.arithmetic
        values = self._inputs(x)
        size, parts = self._trained.recipe.batch_size, list[Any]()
        objective = self._trained.objective()
        with numerics(arithmetic), evaluating(self.model), autocast(arithmetic):
            for start in range(0, len(values[0]), size):
                batch = [value[start : start + size].to(arithmetic.device) for value in values]
                parts.append([_on_host(output) for output in objective.outputs(self.model(*batch))[0]])
        outputs = [_joined([part[i] for part in parts]) for i in range(len(net.outputs))]
        return objective.answer(outputs)

    def _inputs(self, x: Any) -> tuple[Tensor, ...]:
        inputs = self.net.inputs
        names = [str(value.name) for value in inputs]
        if isinstance(x, Mapping):
            found = cast("Mapping[str, Any]", x)
            if missing := [name for name in names if name not in found]:
                raise UsageError(f"`predict` wants the inputs {', '.join(names)}, and `{missing[0]}` is not among them")
            x = tuple(found[name] for name in names)
        values: tuple[Any, ...] = tuple(cast("Sequence[Any]", x)) if isinstance(x, tuple | list) else (x,)
        if len(values) != len(inputs):
            raise UsageError(f"`predict` is given {len(values)} inputs, but the net takes {len(inputs)}")
        for name, value, wanted in zip(names, values, inputs, strict=True):
            what = f"the net's input `{name}`" if len(inputs) > 1 else "the net's input"
            if not isinstance(value, Tensor):
                raise UsageError(f"`predict` wants a tensor for {what}, and is given a `{type(value).__name__}`")
            got = tuple(value.shape[1:])
            if not value.ndim or got != wanted.type.shape:
                one = (
                    "; put an axis in front of one example: `x.unsqueeze(0)`"
                    if value.shape == wanted.type.shape
                    else ""
                )
                raise UsageError(f"an example is {sizes_text(got)}, but {what} is {sizes_text(wanted.type.shape)}{one}")
            if dtype_text(value) != wanted.type.dtype:
                raise UsageError(f"the examples are {dtype_text(value)}, but {what} is {wanted.type.dtype}")
            if not len(value):
                raise UsageError("`predict` is given 0 examples, and wants 1 or more")
        return values

    def evaluate(
        self, data: Any = None, *, split: str = "test", loss: Any = None, metrics: Any = None
    ) -> dict[str, float]:
        """Measure the net on data.

        Args:
            data: a part, as `netspec.train` takes it: a pair of tensors, a Dataset, a DataLoader, an iterable of
                batches. None for data that the recipe names.
            split: which part of those that the recipe names.
            loss: a loss of the program's in place of the recipe's.
            metrics: as of `netspec.train`.

        Returns:
            The figures by name: `loss`, `accuracy` of classes, and the metrics.

        Raises:
            UsageError: data, loss or metrics are missing, or do not go together.
            ResourceError: a batch does not fit the net.
        """
        trained, arithmetic = self._trained, self._trained.arithmetic
        recipe = trained.recipe if loss is None else trained.recipe._replace(loss=Function())
        call = None if loss is None else check_loss(loss, arithmetic.device)
        with kept_randomness(str(arithmetic.device)), numerics(arithmetic):
            if data is None:
                splits, part = self._splits, trained.part(self._splits, split)
            else:
                recipe = recipe._replace(data=GivenSet(), validation=0.0, accumulate=1)
                given = GivenData({"train": data}, measured=True)
                splits = load_data(recipe, *given_of(self.net), arithmetic.device, given=given)
                part = splits.train
            objective = make_objective(self.net, recipe, arithmetic.device, splits.ignores, call, splits.form)
            named = recipe if loss is None else recipe._replace(metrics=())
            own = make_metrics(named, objective, self.names, arithmetic.device, given=metrics)
            scores = evaluate(self.model, part, objective, arithmetic, batch_size=recipe.batch_size, metrics=own)
        accuracy = {} if scores.accuracy is None else {"accuracy": scores.accuracy}
        return {"loss": scores.loss, **accuracy, **scores.parts}

    def export(
        self,
        path: str | os.PathLike[str],
        *,
        to: str | None = None,
        preprocessing: bool = True,
        size: tuple[int, int] | Literal["any"] | None = None,
        dtype: PixelType | None = None,
        verify: bool | None = None,
    ) -> Exported:
        """Write the net with its weights as a file for other programs, held against its own predictions.

        Args:
            path: the file.
            to: `onnx` or `pt2`; None for what the ending of `path` says.
            preprocessing: whether the recipe's transforms are inside, so that the input are pictures as the data have
                them.
            size: height and width of the pictures, or `any`; None for what the data have.
            dtype: `uint8` or `float32` pictures; None for what the data have.
            verify: whether to compare; None: where what that takes is installed.

        Returns:
            What was written: its `metadata`, and the `check` against the run.

        Raises:
            UsageError: an argument does not go with the run, or there is no directory for the file.
            MissingExtra: what writes or verifies it is not installed.
            NotExportable: the net has an operation that the form lacks.
            ExportDiffers: it gives other values than the run. Then no file is written.
            ResourceError: the file cannot be written.

        >>> net = netspec.loads(
        ...     "{input: [8], layers: [Linear: 4], train: {data: synthetic, batch_size: 64,"
        ...     " epochs: 2, optimizer: SGD, loss: CrossEntropyLoss}}"
        ... )
        >>> run = netspec.open_run(netspec.train(net, run=folder / "served", quiet=True).run)
        >>> exported = run.export(folder / "linear.pt2")
        >>> exported.metadata["inputs"]
        [{'name': 'x', 'shape': ['batch', 8], 'dtype': 'float32'}]
        >>> exported.check.examples
        5
        """
        file = Path(path)
        form = written_form(to, file.suffix)
        if file.is_dir() or not file.parent.is_dir():
            wrong = "it is a directory" if file.is_dir() else f"there is no directory {file.parent}; make it first"
            raise UsageError(f"cannot write {file}: {wrong}")
        trained = self._trained
        if trained.arithmetic.device.type != "cpu":
            trained = replace(trained, model=deepcopy(trained.model).cpu())
        exported = export(trained, form, Serving(preprocessing, size, dtype), verify=verify)
        write_atomically(file, exported.data)
        return exported


def _on_host(output: Any) -> Any:
    if isinstance(output, tuple):
        return tuple(map(_on_host, cast("tuple[Any, ...]", output)))
    return (output.float() if output.is_floating_point() else output).cpu()


def _joined(parts: list[Any]) -> Any:
    if isinstance(parts[0], tuple):
        return tuple(_joined(list(several)) for several in zip(*parts, strict=True))
    return torch.cat(parts)
