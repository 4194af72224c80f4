"""Each kind of task, trained from a file and by a plain loop of torch's on the same batches: the same numbers, the same
again when it is resumed, and figures that are those of their definitions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

import netspec
from netspec.trainer.machine.processes import World
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.options import Options
from tests.train.small_runs import finish, run_until

pytest.importorskip("torchmetrics")

Loss = Callable[[Any, Tensor, Any], Tensor]
"""Of what the net gives, its input, and the target."""


class Task(NamedTuple):
    """A spec, examples for it, and what a program would compute of them."""

    net: str
    recipe: str
    x: Tensor
    y: Tensor | None
    loss: Loss
    figure: tuple[str, Callable[[Any, Tensor, Any], float]] | None = None
    """A metric of the recipe, and what it is of all test examples."""


def numbers(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _images() -> Task:
    x = numbers(0, 90, 1, 6, 6)
    y = torch.bucketize(x.mean((1, 2, 3)), torch.tensor([-0.1, 0.1]))
    net = "input: [1, 6, 6]\nlayers: [Conv2d: {out_channels: 4, kernel_size: 3}, ReLU, Flatten, Linear: 3]\n"
    top2 = lambda o, x, y: float((o.topk(2).indices == y.unsqueeze(1)).any(1).float().mean())  # noqa: E731  # a formula
    return Task(net, "loss: CrossEntropyLoss\n  metrics: [{Accuracy: {top_k: 2}}]", x, y,
                lambda o, x, y: F.cross_entropy(o, y), ("top2", top2))  # fmt: skip


def _labels() -> Task:
    x = numbers(0, 90, 6)
    y = (x[:, :4] + 0.5 * numbers(1, 90, 4) > 0).float()
    exact = lambda o, x, y: float(((o > 0) == (y > 0)).all(1).float().mean())  # noqa: E731  # a formula
    net = "input: [6]\nlayers: [Linear: 8, ReLU, Linear: 4]\n"
    return Task(net, "loss: BCEWithLogitsLoss\n  metrics: [ExactMatch]", x, y,
                lambda o, x, y: F.binary_cross_entropy_with_logits(o, y), ("exact_match", exact))  # fmt: skip


def _values() -> Task:
    x = numbers(0, 90, 5)
    y = 3 * x[:, :1] - x[:, 1:2].square() + 0.1 * numbers(1, 90, 1)
    r2 = lambda o, x, y: 1 - float(((o - y) ** 2).sum() / ((y - y.mean()) ** 2).sum())  # noqa: E731  # a formula
    return Task("input: [5]\nlayers: [Linear: 8, Tanh, Linear: 1]\n", "loss: MSELoss\n  metrics: [R2Score]", x, y,
                lambda o, x, y: F.mse_loss(o, y), ("r2", r2))  # fmt: skip


def _masks() -> Task:
    x = numbers(0, 40, 3, 8, 8)
    y = x.argmax(1)
    y[:, 0, :3] = 255

    def iou(o: Tensor, x: Tensor, y: Tensor) -> float:
        said, there = o.argmax(1)[y != 255], y[y != 255]
        shares = [((said == c) & (there == c)).sum() / ((said == c) | (there == c)).sum() for c in range(3)]
        return float(torch.stack(shares).mean())

    first, last = "Conv2d: {out_channels: 6, kernel_size: 3, padding: 1}", "Conv2d: {out_channels: 3, kernel_size: 1}"
    net = f"input: [3, 8, 8]\nlayers: [{first}, ReLU, {last}]\n"
    return Task(net, "loss: {CrossEntropyLoss: {ignore_index: 255}}\n  metrics: [JaccardIndex]", x, y,
                lambda o, x, y: F.cross_entropy(o, y, ignore_index=255), ("iou", iou))  # fmt: skip


def _codes() -> Task:
    x = numbers(0, 90, 10) @ numbers(1, 10, 10)
    net = "input: {x: [10]}\nlayers: [Linear: 3, Tanh, Linear: 10]\n"
    mae = lambda o, x, y: float((o - x).abs().mean())  # noqa: E731  # a formula
    return Task(net, "loss: {MSELoss: , target: x}\n  metrics: [MeanAbsoluteError]", x, None,
                lambda o, x, y: F.mse_loss(o, x), ("mae", mae))  # fmt: skip


def _sequences() -> Task:
    x = torch.randint(7, (90, 9), generator=torch.Generator().manual_seed(0))
    y = (x == 3).sum(1).clamp(max=2)
    net = "input: [9, int64]\nlayers: [Embedding: {num_embeddings: 7, embedding_dim: 5}, LSTM: 6, Flatten, Linear: 3]\n"
    recall = lambda o, x, y: float(  # noqa: E731  # a formula
        torch.stack([(o.argmax(1)[y == c] == c).float().mean() for c in range(3)]).mean()
    )
    return Task(net, "loss: CrossEntropyLoss\n  metrics: [Recall]", x, y, lambda o, x, y: F.cross_entropy(o, y),
                ("recall", recall))  # fmt: skip


TASKS: dict[str, Callable[[], Task]] = {
    "classes": _images, "labels": _labels, "values": _values, "masks": _masks, "codes": _codes, "sequences": _sequences,
}  # fmt: skip


def written(task: Task, folder: Path) -> netspec.Net:
    """The spec, with its examples in two files."""
    rows = len(task.x) * 2 // 3
    for part, of in (("train", slice(rows)), ("test", slice(rows, None))):
        tensors = {"x": task.x[of].contiguous()} | ({} if task.y is None else {"y": task.y[of].contiguous()})
        save_file(tensors, folder / f"{part}.safetensors")
    files = f"{{train: {folder / 'train.safetensors'}, test: {folder / 'test.safetensors'}}}"
    keys = f"train:\n  data: {{tensors: {files}}}\n  batch_size: 16\n  epochs: 3\n  optimizer: {{Adam: {{lr: 0.01}}}}\n"
    return netspec.loads(f"name: task\n{task.net}{keys}  {task.recipe}\n")


def by_hand(task: Task, net: netspec.Net) -> tuple[nn.Module, list[float]]:
    """The model of a plain loop over the same batches, and the training loss of each epoch."""
    trainer = assemble(net, Options(), World(), "cpu")
    model = netspec.build(net, seed=0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses: list[float] = []
    for epoch in range(3):
        total, count = 0.0, 0
        for batch in trainer.batches(epoch, 0):
            y = batch.y[0] if isinstance(batch.y, tuple) and batch.y else batch.y
            loss = task.loss(model(batch.x), batch.x, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            counted = batch.x if task.y is None else y
            number = int((counted != 255).sum()) if counted.dtype == torch.int64 else counted.numel()
            total += loss.item() * number
            count += number
        losses.append(total / count)
    return model.eval(), losses


@pytest.mark.parametrize("name", TASKS)
def test_a_task_trains_as_a_plain_loop_does(name: str, tmp_path: Path) -> None:
    task = TASKS[name]()
    net = written(task, tmp_path)
    result = finish(net, tmp_path / "run")
    model, losses = by_hand(task, net)
    assert [record.train_loss for record in result.records] == pytest.approx(losses, rel=1e-5)
    saved = load_file(tmp_path / "run" / "model.safetensors")
    for key, value in model.state_dict().items():
        torch.testing.assert_close(saved[key], value, rtol=1e-5, atol=1e-5)
    rows = len(task.x) * 2 // 3
    x, y = task.x[rows:], None if task.y is None else task.y[rows:]
    with torch.no_grad():
        output = model(x)
    assert result.records[-1].test_loss == pytest.approx(float(task.loss(output, x, y)), rel=1e-5)  # type: ignore[arg-type]
    assert task.figure is not None
    label, formula = task.figure
    assert result.records[-1].parts[f"test_{label}"] == pytest.approx(formula(output, x, y), abs=1e-5)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_a_task_resumes_to_the_bit(name: str, tmp_path: Path) -> None:
    net = written(TASKS[name](), tmp_path)
    whole = finish(net, tmp_path / "whole")
    run_until(net, tmp_path / "parts", 5)
    parts = finish(net, tmp_path / "parts")
    assert (whole.run / "model.safetensors").read_bytes() == (parts.run / "model.safetensors").read_bytes()
    assert [record.parts for record in whole.records] == [record.parts for record in parts.records]
