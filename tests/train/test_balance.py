"""`weight: balanced`: the factors are those of scikit-learn's formula on the training part, and stay with the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.data import TensorDataset

import netspec
from netspec.compiler import check_source
from netspec.diagnostics import ResourceError, UsageError
from netspec.net import Net
from netspec.text.source import decode
from netspec.trainer.data.splits import Resident
from netspec.trainer.machine.processes import World
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.options import Options
from tests.train.small_runs import finish, run_until, whole_state

SPEC = """
name: uneven
input: [6]
layers: [Linear: 8, Tanh, Linear: 3]
train:
  data: {tensors: {train: DIR/train.safetensors, test: DIR/test.safetensors}}
  batch_size: 16
  epochs: 3
  loss: {CrossEntropyLoss: {weight: balanced}}
  optimizer: {SGD: {lr: 0.1, momentum: 0.9}}
"""
COUNTS = (70, 20, 7)


def made(folder: Path, counts: tuple[int, ...] = COUNTS, ignored: int = 3) -> Net:
    """A net, and its data in a folder: so many examples of each class, and some that the loss ignores."""
    generator = torch.Generator().manual_seed(3)
    for name in ("train", "test"):
        y = torch.tensor([c for c, count in enumerate(counts) for _ in range(count)] + [-100] * ignored)
        y = y[torch.randperm(len(y), generator=generator)]
        x = torch.randn(len(y), 6, generator=generator) + y.clamp_min(0).unsqueeze(1)
        save_file({"x": x, "y": y}, folder / f"{name}.safetensors")
    return netspec.loads(SPEC.replace("DIR", str(folder)))


def by_formula(y: Tensor, classes: int) -> list[float]:
    """`compute_class_weight("balanced", …)` as scikit-learn documents it: n / (classes · count)."""
    y = y[y >= 0]
    return [len(y) / (classes * int((y == c).sum())) for c in range(classes)]


@pytest.mark.parametrize("options", [{}, {"budget": 0, "workers": 0}], ids=["resident", "streamed"])
def test_it_trains_as_a_plain_loop_with_these_factors_does(options: dict[str, Any], tmp_path: Path) -> None:
    net = made(tmp_path)
    result = finish(net, tmp_path / "run", **options)
    weight = torch.tensor(by_formula(load_file(tmp_path / "train.safetensors")["y"], 3))
    assert weight.tolist() == pytest.approx([97 / (3 * n) for n in COUNTS])
    trainer = assemble(net, Options(), World(), "cpu")
    model = netspec.build(net, seed=0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    loss = torch.nn.CrossEntropyLoss(weight)
    for epoch in range(3):
        for x, y in (batch.fetch() for batch in trainer.batches(epoch, 0)):
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()
    saved = load_file(tmp_path / "run" / "model.safetensors")
    for key, value in model.state_dict().items():
        torch.testing.assert_close(saved[key], value, rtol=1e-5, atol=1e-5)
    test = load_file(tmp_path / "test.safetensors")
    with torch.no_grad():
        assert result.records[-1].test_loss == pytest.approx(loss(model(test["x"]), test["y"]).item(), rel=1e-5)


def test_only_the_training_part_is_counted(tmp_path: Path) -> None:
    net = netspec.loads(netspec.expand(made(tmp_path)), set={"train.validation": 0.3, "train.seed": 2})
    trainer = assemble(net, Options(examples=40), World(), "cpu")
    assert isinstance(trainer.data.train, Resident)
    (item,) = trainer.recipe.losses
    targets = trainer.data.train.targets(0)
    assert len(targets) == 40
    assert item.loss.divisor is not None
    assert item.loss.divisor.weight == pytest.approx(by_formula(targets, 3))


def test_the_run_keeps_the_numbers_and_goes_on_to_the_bit_and_evaluates_with_them(tmp_path: Path) -> None:
    net = made(tmp_path)
    whole = finish(net, tmp_path / "whole")
    run_until(net, tmp_path / "parts", 9)
    kept = netspec.load(tmp_path / "parts" / "spec.yaml")
    assert kept.recipe is not None
    (item,) = kept.recipe.losses
    assert list(item.loss.divisor.weight) == by_formula(load_file(tmp_path / "train.safetensors")["y"], 3)  # type: ignore[union-attr, arg-type]
    finish(net, tmp_path / "parts")
    assert whole_state(tmp_path / "parts") == whole_state(tmp_path / "whole")
    test = load_file(tmp_path / "test.safetensors")
    run = netspec.open_run(tmp_path / "whole")
    assert run.evaluate(split="test")["loss"] == pytest.approx(whole.records[-1].test_loss, rel=1e-6)
    other = run.evaluate(TensorDataset(test["x"], test["y"]))
    assert other["loss"] == pytest.approx(whole.records[-1].test_loss, rel=1e-6)


def test_each_of_several_losses_is_balanced_by_its_own_target(tmp_path: Path) -> None:
    text = """
input: [6]
layers: [Linear: 8, as: h]
output: {a: [use: h, Linear: 3], b: [use: h, Linear: 2]}
train:
  data: {tensors: {train: DIR/two.safetensors}}
  batch_size: 16
  epochs: 1
  loss:
    - {CrossEntropyLoss: {weight: balanced}, of: a, target: first}
    - {CrossEntropyLoss: {weight: balanced}, of: b, target: second}
  optimizer: {SGD: {lr: 0.1}}
"""
    first, second = torch.tensor([0, 1, 2, 2] * 10), torch.tensor([0, 1, 1, 1] * 10)
    save_file({"x": torch.randn(40, 6), "first": first, "second": second}, tmp_path / "two.safetensors")
    trainer = assemble(netspec.loads(text.replace("DIR", str(tmp_path))), Options(), World(), "cpu")
    found = [item.loss.divisor.weight for item in trainer.recipe.losses]  # type: ignore[union-attr]
    assert found == [tuple(by_formula(first, 3)), tuple(by_formula(second, 2))]


def test_a_class_without_an_example_is_told_with_its_number(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match=r"class 1 has none of the 30 training targets"):
        finish(made(tmp_path, (20, 0, 10)), tmp_path / "run")


class Items:
    def __len__(self) -> int:
        return 20

    def __getitem__(self, number: int) -> Any:
        return torch.zeros(6), torch.tensor(number % 3)


def test_examples_that_a_program_reads_one_by_one_cannot_be_counted_and_that_is_said(tmp_path: Path) -> None:
    net = netspec.loads(SPEC, set={"train.data": "given"})
    with pytest.raises(UsageError, match=r"come with examples that are read one by one; write the factors"):
        netspec.train(net, data=Items(), run=tmp_path / "run", quiet=True, report=False)


def test_another_word_and_a_text_are_refused_by_the_check() -> None:
    text = SPEC.replace("balanced", "balance")
    (found,) = check_source(*decode(text.encode(), "net.yaml"))
    assert (found.code, found.message) == (
        "invalid-argument",
        "`weight` of `CrossEntropyLoss` wants `balanced`, or a list of numbers of at least 0, one of them above 0, and "
        "`balance` is no number, nor a variable of this spec",
    )
    text = "input: {tokens: [8, int64]}\nlayers: [Embedding: {num_embeddings: 50, embedding_dim: 4}, Linear: 50]\n"
    text += "train: {data: {text: notes.txt}, loss: {CrossEntropyLoss: {weight: balanced}, target: next}, "
    text += "optimizer: SGD, batch_size: 4, epochs: 1}\n"
    assert "are its tokens, of which many never occur" in " ".join(
        found.message for found in check_source(*decode(text.encode(), "net.yaml"))
    )
