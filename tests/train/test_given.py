"""Training on what a program gives: the numbers of a plain loop, resumed to the bit, and mistakes that are told."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

import netspec
from netspec.diagnostics import NetspecError, ResourceError, UsageError
from netspec.net import Net
from netspec.trainer.data.splits import Split
from netspec.trainer.run.directory import find_run
from tests.train.given import CLASSES, ROWS, Flow, Positions, Rows, net_of, off, rows, squares, trained
from tests.train.small_runs import whole_state

PLAIN = ROWS.replace("Dropout: 0.25, ", "")
LABELS = torch.arange(40) % 4


# ---- the numbers of a plain loop


def loop(net: Net, batches: Callable[[int], Any], loss: Callable[[Any, Any], Tensor], epochs: int = 3) -> list[float]:
    """The mean loss of each epoch, as a person's own loop gives it: `batches` are those of an epoch."""
    torch.manual_seed(0)
    model = netspec.build(net, seed=0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    torch.manual_seed(0)
    means: list[float] = []
    for epoch in range(epochs):
        total = count = 0.0
        for x, y in batches(epoch):
            optimizer.zero_grad()
            value = loss(model(x), y)
            value.backward()
            optimizer.step()
            total, count = total + value.item() * len(x), count + len(x)
        means.append(total / count)
    return means


def test_a_loader_of_ones_own_gives_the_numbers_of_a_plain_loop(tmp_path: Path) -> None:
    def loader() -> DataLoader[Any]:
        return DataLoader(Rows(), batch_size=8, shuffle=True, drop_last=True)

    net = net_of()  # with dropout: the order and what is dropped are drawn from one generator
    made = trained(net, tmp_path / "run", data=loader(), loss=squares)
    assert made is not None
    own = loader()
    assert [record.train_loss for record in made.records] == pytest.approx(loop(net, lambda _: own, squares), abs=1e-5)


def test_a_data_set_gives_the_numbers_of_a_plain_loop_over_its_order(tmp_path: Path) -> None:
    net, data = net_of(PLAIN), Rows(37)  # the last batch is a smaller one
    made = trained(net, tmp_path / "run", data=data, loss=squares)
    split = Split.order

    class Order(Split):
        def read(self, *_: Any, **__: Any) -> Any:
            raise NotImplementedError

    order = Order("train", torch.arange(37))

    def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        for chosen in split(order, seed=0, epoch=epoch, shuffle=True).split(8):
            yield data.x[chosen], data.y[chosen]

    assert made is not None
    assert [record.train_loss for record in made.records] == pytest.approx(loop(net, batches, squares), abs=1e-5)


@pytest.mark.slow
def test_tensors_a_data_set_and_a_loss_of_the_recipe_give_the_same(tmp_path: Path) -> None:
    x, y = rows()
    given: list[tuple[str, Net, dict[str, Any]]] = [
        ("tensors", net_of(), {"data": (x, y), "loss": squares}),
        ("tensor data set", net_of(), {"data": TensorDataset(x, y), "loss": squares}),
        ("data set", net_of(), {"data": Rows(), "loss": nn.MSELoss()}),
        ("list", net_of(), {"data": [*zip(x, y, strict=True)], "loss": squares}),
        ("recipe", net_of(loss="MSELoss"), {"data": Rows()}),
        ("workers", net_of(), {"data": Rows(), "loss": squares, "workers": 2}),
    ]
    states = {name: trained(net, tmp_path / name, **more) for name, net, more in given}
    losses = {name: [r.train_loss for r in made.records] for name, made in states.items() if made is not None}
    assert len(losses) == len(given)
    assert all(found == losses["tensors"] for found in losses.values()), losses


@pytest.mark.slow
def test_two_inputs_and_two_outputs_come_and_go_by_name(tmp_path: Path) -> None:
    net = netspec.loads(
        """
input: {left: [3], right: [2]}
layers: [Linear: 4, as: l, use: right, Linear: 4, as: r]
output: {sum: l + r, left_only: l}
train: {data: given, loss: function, batch_size: 8, epochs: 2, optimizer: {SGD: {lr: 0.1}}}
"""
    )
    seen: set[tuple[Any, ...]] = set()

    def loss(output: dict[str, Tensor], target: dict[str, Tensor]) -> Tensor:
        seen.add((*output, *target))
        return F.mse_loss(output["sum"], target["s"]) + F.mse_loss(output["left_only"], target["l"])

    left, right, both = torch.randn(24, 3), torch.randn(24, 2), torch.randn(24, 4)
    pair = ({"right": right, "left": left}, {"s": both, "l": both})
    items = [({"left": a, "right": b}, {"s": c, "l": c}) for a, b, c in zip(left, right, both, strict=True)]
    for name, data in (("pair", pair), ("items", items)):
        assert trained(net, tmp_path / name, data=data, loss=loss) is not None
    assert seen == {("sum", "left_only", "s", "l")}
    run = netspec.open_run(tmp_path / "pair")
    assert {name: tuple(value.shape) for name, value in run.predict({"left": left, "right": right}).items()} == {
        "sum": (24, 4),
        "left_only": (24, 4),
    }


def test_a_map_of_classes_and_their_accuracy_come_from_a_data_set_too(tmp_path: Path) -> None:
    net = net_of(CLASSES, validation=0.25)
    made = trained(net, tmp_path / "run", data=Rows(change=lambda i, x, _: (x, i % 4)))
    assert made is not None
    assert made.records[-1].validation_accuracy is not None
    assert find_run(tmp_path / "run").examples == {"train": (30, 30), "validation": (10, 10)}


# ---- metrics


class Seen:
    """A metric that sees all batches: the largest error."""

    def __init__(self) -> None:
        self.most: float | None = None

    def reset(self) -> None:
        self.most = None

    def update(self, output: Tensor, target: Tensor) -> None:
        self.most = max(self.most or 0.0, float((output - target).abs().max()))

    def compute(self) -> dict[str, Any]:
        return {"largest": torch.tensor(self.most), "known": 1}


def test_metrics_are_measured_on_what_is_evaluated_and_are_in_every_record(tmp_path: Path) -> None:
    x, y = rows()
    data = {"train": (x, y), "validation": Rows(21), "test": DataLoader(Rows(21), batch_size=2)}
    made = trained(net_of(), tmp_path / "run", data=data, loss=squares, metrics={"off": off, "seen": Seen()})
    assert made is not None
    last = made.records[-1]
    run = netspec.open_run(tmp_path / "run", last=True)
    short, wanted = rows(21)
    errors = (run.predict(short) - wanted).abs()
    expected = {"off": float(errors.mean()), "seen.largest": float(errors.max()), "seen.known": 1.0}
    for part in ("validation", "test"):
        assert {n: last.parts[f"{part}_{n}"] for n in expected} == pytest.approx(expected, abs=1e-6)
    assert run.records == made.records
    assert (
        f"test {last.test_loss:.4f} off {expected['off']:.4f}"
        in replace(last, parts={"test_off": expected["off"]}).line
    )
    assert run.evaluate(Rows(21), loss=squares, metrics=[off]) == pytest.approx(
        {"loss": float((errors**2).mean()), "off": expected["off"]}, abs=1e-6
    )


# ---- resumed


class Noisy(Dataset[Any]):
    """Items that draw from every generator that there is."""

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> Any:
        x, y = rows()
        return x[index] + torch.randn(3) + random.random() + float(np.random.rand()), y[index]


RESUMED: dict[str, Callable[[], dict[str, Any]]] = {
    "tensors": lambda: {"data": rows()},
    "data set that draws": lambda: {"data": Noisy()},
    "data set that draws in workers": lambda: {"data": Noisy(), "workers": 2},
    "loader": lambda: {"data": DataLoader(Rows(), batch_size=8, shuffle=True)},
    "loader with a generator": lambda: {
        "data": DataLoader(Rows(), batch_size=8, shuffle=True, generator=torch.Generator().manual_seed(3))
    },
    "loader with workers that draw": lambda: {"data": DataLoader(Noisy(), batch_size=8, shuffle=True, num_workers=1)},
    "batches with a state": lambda: {"data": Positions()},
    "stream": lambda: {"data": Flow(), "batches_per_epoch": 4},
}


@pytest.mark.slow
@pytest.mark.parametrize("form", RESUMED)
@pytest.mark.parametrize("step", [2, 5])
def test_a_run_goes_on_to_the_bit(form: str, step: int, tmp_path: Path) -> None:
    net = net_of(epochs=2)
    if form == "loader with workers that draw" and step == 5:
        pytest.skip("the same as for one without workers")
    trained(net, tmp_path / "whole", loss=squares, **RESUMED[form]())
    assert trained(net, tmp_path / "cut", step, loss=squares, **RESUMED[form]()) is None
    made = trained(net, tmp_path / "cut", loss=squares, **RESUMED[form]())
    assert made is not None
    assert len(made.records) == 2
    states = [{k: v for k, v in whole_state(tmp_path / name).items() if k != "data"} for name in ("whole", "cut")]
    assert states[0] == states[1]


@pytest.mark.slow
def test_the_test_of_resuming_can_fail(tmp_path: Path) -> None:
    class Drawn(Positions):
        """Has another order whenever it begins, and says nothing of it."""

        state_dict = load_state_dict = None  # type: ignore[assignment]

        def __iter__(self) -> Iterator[Any]:
            x, y = rows()
            return iter([(x[c], y[c]) for c in np.random.default_rng().permutation(40).reshape(5, 8)])

    net = net_of(epochs=2)
    trained(net, tmp_path / "whole", loss=squares, data=Drawn())
    trained(net, tmp_path / "cut", 2, loss=squares, data=Drawn())
    trained(net, tmp_path / "cut", loss=squares, data=Drawn())
    assert whole_state(tmp_path / "whole")["model"] != whole_state(tmp_path / "cut")["model"]


@pytest.mark.filterwarnings("ignore::UserWarning")  # of torch, when torchdata is imported
@pytest.mark.parametrize("form", ["generator", "seeded", "workers"])
def test_a_stateful_loader_of_torchdata_goes_on_to_the_bit(form: str, tmp_path: Path) -> None:
    stateful: Any = pytest.importorskip("torchdata.stateful_dataloader").StatefulDataLoader

    def loader() -> Any:
        torch.manual_seed(7)  # a loader without a generator draws its order when it is made
        more = {"generator": {"generator": torch.Generator().manual_seed(3)}, "workers": {"num_workers": 2}}
        return stateful(Rows(), batch_size=8, shuffle=True, **more.get(form, {}))

    net = net_of(epochs=2)
    trained(net, tmp_path / "whole", loss=squares, data=loader())
    for step in (2, 5, 8):
        trained(net, tmp_path / "cut", step, loss=squares, data=loader())
    trained(net, tmp_path / "cut", loss=squares, data=loader())
    assert whole_state(tmp_path / "whole")["model"] == whole_state(tmp_path / "cut")["model"]


@pytest.mark.slow
@pytest.mark.parametrize("stopped", [True, False])
def test_workers_of_a_loader_that_live_on_do_not_hold_the_run(stopped: bool, tmp_path: Path) -> None:
    loader = DataLoader(Rows(), batch_size=8, num_workers=1, persistent_workers=True)
    trained(net_of(), tmp_path / "run", 2 if stopped else None, data=loader, loss=squares)
    made = trained(net_of(), tmp_path / "run", data=loader, loss=squares)
    assert made is not None
    assert len(made.records) == 3


@pytest.mark.slow
def test_data_that_cannot_say_where_they_stood_are_read_again_which_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for data, said in ((DataLoader(Rows(), batch_size=8), True), (Positions(), False), (Rows(), False)):
        run = tmp_path / type(data).__name__
        trained(net_of(), run, 2, loss=squares, data=data)
        capsys.readouterr()
        trained(net_of(), run, 3, loss=squares, data=data)
        found = capsys.readouterr().err
        assert ("its first 2 batches are read again and dropped" in found) == said
        assert ("`state_dict`" in found) == said


def test_other_data_and_another_loss_are_not_gone_on_with_unasked(tmp_path: Path) -> None:
    x, y = rows()
    trained(net_of(), tmp_path / "run", 2, data=(x, y), loss=squares)
    with pytest.raises(UsageError, match="the data set's content is another"):
        trained(net_of(), tmp_path / "run", data=(x + 1, y), loss=squares)
    with pytest.raises(UsageError, match="the loss of the program was `squares` and is `off`"):
        trained(net_of(), tmp_path / "run", data=(x, y), loss=off)


@pytest.mark.slow
def test_a_loss_that_remembers_goes_on_with_what_it_knows(tmp_path: Path) -> None:
    class Centred(nn.Module):
        centre: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("centre", torch.zeros(1))

        def forward(self, output: Tensor, target: Tensor) -> Tensor:
            with torch.no_grad():
                self.centre.mul_(0.9).add_(output.detach().mean(), alpha=0.1)
            return (output - target - self.centre).square().mean()

    trained(net_of(), tmp_path / "whole", loss=Centred(), data=rows())
    trained(net_of(), tmp_path / "cut", 7, loss=Centred(), data=rows())
    trained(net_of(), tmp_path / "cut", loss=Centred(), data=rows())
    assert whole_state(tmp_path / "whole") == whole_state(tmp_path / "cut")


# ---- mistakes


class Endless(Dataset[Any]):
    """No length."""

    def __getitem__(self, index: int) -> Any:
        return [part[index % 40] for part in rows()]


class Short(Positions):
    """Says another length than it has."""

    def __len__(self) -> int:
        return 7


def changed(change: Callable[[int, Tensor, Tensor], Any]) -> dict[str, Any]:
    return {"data": Rows(change=change)}


def both(**more: Any) -> dict[str, Any]:
    return {"data": {"train": rows(), "test": rows()}, **more}


X, Y = rows()
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "shape of tensors": ({"data": (torch.randn(40, 4), Y)}, r"is 4, but the net's input is 3; .*write `input: \[4\]`"),
    "shape of items": (changed(lambda _, x, y: (x[:2], y)), "is 2, but the net's input is 3; let the examples be 3"),
    "shape of batches": (
        {"data": DataLoader(Rows(change=lambda _, x, y: (x[:2], y)), batch_size=8)},
        r"`data` \(a DataLoader of `Rows`\) is 2, but the net's input is 3",
    ),
    "shape of a later batch": (
        {"data": [[(X[:8], Y[:8]), (X[:8, :2], Y[:8])].__iter__][0](), "batches_per_epoch": 2},
        "batch 2 of .* has examples of 2, but the net's input is 3; give examples of 3",
    ),
    "shapes in a batch": (changed(lambda i, x, y: (x[: 3 - i % 2], y)), "cannot be joined to a batch: .*`collate_fn`"),
    "dtype of tensors": ({"data": (X.double(), Y)}, "are float64, but the net's input is float32; .*`x.float"),
    "dtype of items": (changed(lambda _, x, y: (x.long(), y)), "are int64, but the net's input is float32"),
    "fewer targets": ({"data": (X, Y[:30])}, "has 40 examples, but 30 targets"),
    "a loss of many": ({"loss": lambda o, t: o - t}, r"gives 8 numbers, 8 × 1, .*but wanted is 1: .*`.mean\(\)`"),
    "a loss that is a float": ({"loss": lambda o, t: squares(o, t).item()}, "gives a `float`, but wanted is a tensor"),
    "a loss without a gradient": ({"loss": lambda o, t: squares(o.detach(), t)}, "without a gradient: leave out"),
    "a loss that fails": ({"loss": lambda o, t: o @ t}, "fails on an output of 8 × 1 .*RuntimeError"),
    "a loss's class": ({"loss": nn.MSELoss}, r"is the class `MSELoss`, .*`loss=MSELoss\(…\)`"),
    "a loss with parameters": ({"loss": nn.Linear(1, 1)}, "has parameters of its own, `weight` among 2"),
    "a metric of many": (both(metrics={"d": lambda o, t: o - t}), "metric `d` gives 8 numbers, 8 × 1, .*wanted is 1"),
    "a metric that fails": (both(metrics={"d": lambda o, _: o.nothing}), "metric `d` fails in .*AttributeError"),
    "a metric of a taken name": (both(metrics={"loss": off}), "has the name of a figure"),
    "a metric nowhere": ({"metrics": [off]}, r"\(off\) are measured on validation and test data, and there are none"),
    "no examples": ({"data": Rows(0)}, "has no train examples: its length is 0, and at least 1 is needed"),
    "no batches": (
        {"data": DataLoader(Rows(4), batch_size=8, drop_last=True)},
        "gives no batches: its Dataset has 4 examples, and `drop_last` drops the last 4",
    ),
    "no length": ({"data": Endless()}, "has no length: define `__len__`"),
    "an iterator": (
        {"data": iter([rows()])},
        r"has no length, .*`netspec.train\(net, data=…, batches_per_epoch=100\)`",
    ),
    "an iterator that ends": (
        {"data": iter([rows()] * 4), "batches_per_epoch": 3},
        "ends after 4 batches in all, and an epoch has 3: an iterator is read once",
    ),
    "an iterator to measure on": (
        {"data": {"train": rows(), "test": iter([rows()])}},
        "can be read once, but test data",
    ),
    "a wrong length": ({"data": Short()}, "ends after 5 batches, but its length says 7"),
    "dicts": (
        changed(lambda _, x, y: {"image": x, "label": y}),
        r"a dict with `image`, `label` for an example, .*return `\(item\['image'\], item\['label'\]\)`",
    ),
    "three values": (changed(lambda _, x, y: (x, x, y)), "gives 3 values for an example, but wanted is a pair"),
    "no targets": (changed(lambda _, x, __: x), r"without targets, .*`\(x, x\)`"),
    "arrays": ({"data": (X.numpy(), Y.numpy())}, "gives a `ndarray` as an input, .*`torch.from_numpy`"),
    "a name": ({"data": "FashionMNIST"}, "`data` is a `str`, of which no examples come: give a pair of tensors"),
    "a part's name": ({"data": {"train": rows(), "val": rows()}}, "has a part 'val'; its parts are"),
    "a failing item": (changed(lambda i, x, y: (x, y) if i != 7 else 1 / 0), "example 7 of .*ZeroDivisionError"),
    "another batch size": (
        {"data": DataLoader(Rows(), batch_size=4)},
        "gives batches of 4, but the recipe says `batch_size: 8`; make them the same",
    ),
    "a callback that is none": ({"callbacks": 3}, "the callback 3 can do nothing"),
    "no loss": ({"loss": None}, r"the recipe says `loss: function`: .*`netspec.train\(net, loss=…\)`"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_what_is_there_and_what_is_wanted(name: str, tmp_path: Path) -> None:
    more, message = MISTAKES[name]
    with pytest.raises(NetspecError, match=message):
        trained(net_of(), tmp_path / "run", **{"data": rows(), "loss": squares, **more})


CLASS_MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "tensors": ({"data": (X, LABELS + 1)}, "is of class 4, but the net has 4 outputs, from class 0 on"),
    "a later item": (changed(lambda i, x, _: (x, 7 if i == 33 else 1)), "has the class 7, but the net has 4 outputs"),
    "negative": (changed(lambda i, x, _: (x, -1 if i == 33 else 1)), "a target -1, but classes count from 0"),
    "floats": (changed(lambda i, x, _: (x, i / 2)), "are float32, but CrossEntropyLoss wants int64 classes"),
    "of a loss of one's own": (
        {"data": (X, LABELS + 1), "loss": F.cross_entropy},
        r"`cross_entropy` fails .*go up to 4 where the output has 4 scores, .* \(let the last layer give 5",
    ),
}


@pytest.mark.parametrize("name", CLASS_MISTAKES)
def test_labels_out_of_range_are_told(name: str, tmp_path: Path) -> None:
    more, message = CLASS_MISTAKES[name]
    with pytest.raises(NetspecError, match=message):
        trained(net_of(CLASSES), tmp_path / "run", **more)


def test_what_needs_an_order_of_netspec_s_own_is_refused_for_a_loader(tmp_path: Path) -> None:
    loader = DataLoader(Rows(), batch_size=8)
    for settings, more, message in (
        ({"accumulate": 2}, {}, "`accumulate: 2` weighs batches"),
        ({"validation": 0.5}, {}, "`validation: 0.5` holds out a share"),
        ({}, {"examples": 3}, "`examples=3` draws some"),
    ):
        with pytest.raises(UsageError, match=message):
            trained(net_of(**settings), tmp_path / "run", data=loader, loss=squares, **more)
    assert not (tmp_path / "run").exists()


def test_no_command_goes_on_with_a_run_of_a_program_and_says_what_does(tmp_path: Path) -> None:
    trained(net_of(), tmp_path / "run", 2, data=rows(), loss=squares)
    run = find_run(tmp_path / "run")
    assert run.given == {"data": {"train": "a pair of tensors, 40 examples"}, "loss": "squares"}
    assert "data:\n" in run.spec.read_text() or "given" in run.spec.read_text()
    with pytest.raises(UsageError, match=r"no command can go on with it; call `netspec.train\(netspec.load\("):
        trained(netspec.load(run.spec), tmp_path / "run")
    made = trained(netspec.load(run.spec), tmp_path / "run", data=rows(), loss=squares)  # what the message advises
    assert made is not None
    assert len(made.records) == 3
    opened = netspec.open_run(tmp_path / "run")
    with pytest.raises(UsageError, match=r"were given by a program \(train: a pair of tensors, 40 examples\)"):
        _ = opened.data
    with pytest.raises(UsageError, match="the loss of this run was given by a program"):
        opened.evaluate(rows())


def test_a_run_opens_with_what_it_was_trained_on(tmp_path: Path) -> None:
    text = ROWS.replace("data: given", "data: {synthetic: {train: 24, test: 8}}").replace(
        "loss: function", "loss: MSELoss"
    )
    trained(netspec.loads(text), tmp_path / "run")
    run = netspec.open_run(tmp_path / "run")
    assert {name: len(part) for name, part in run.data.items()} == {"train": 24, "test": 8}
    assert run.evaluate()["loss"] == pytest.approx(run.records[-1].test_loss)
    assert run.evaluate(split="train", metrics=[off])["off"] > 0
    batch = next(iter(run.data["test"].batches(8)))
    assert isinstance(batch.x, Tensor)
    assert torch.equal(run.predict(batch.x), run.model(batch.x).detach())
    for wrong, message in ((X[0], "an example is a single number"), (X.double(), "are float64"), (X[:0], "0 examples")):
        with pytest.raises(UsageError, match=message):
            run.predict(wrong)


def test_a_broken_step_names_the_layer_although_the_data_cannot_be_read_again(tmp_path: Path) -> None:
    batches = [(X[:8], Y[:8]), (X[8:16] * float("inf"), Y[8:16])]
    with pytest.raises(
        NetspecError, match=r"step 2 \(epoch 1, batch 2\): the batch itself holds a value that is not finite"
    ):
        trained(net_of(), tmp_path / "run", data=iter(batches), loss=squares, batches_per_epoch=2)


def test_a_state_that_no_checkpoint_can_keep_is_refused(tmp_path: Path) -> None:
    class Odd(Positions):
        def state_dict(self) -> Any:
            return {"order": np.arange(3)}

    with pytest.raises(UsageError, match=r"holds a `ndarray` at `\['order'\]`"):
        trained(net_of(), tmp_path / "run", 2, data=Odd(), loss=squares)


def test_memory_for_a_batch_of_workers_and_data_sets_that_end_are_errors_of_their_own(tmp_path: Path) -> None:
    class Gone(Rows):
        def __getitem__(self, index: int) -> Any:
            raise FileNotFoundError(f"row-{index}.npy")

    with pytest.raises(ResourceError, match=r"example 0 of .* cannot be read: FileNotFoundError: row-0\.npy"):
        trained(net_of(), tmp_path / "run", data=Gone(), loss=squares)
