"""Text: blocks of tokens, the loss of the next one, its perplexity; and what is wrong with files and nets."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import netspec
from netspec.diagnostics import MissingExtra, ResourceError, UsageError
from netspec.net import Net
from netspec.trainer.data import DataSplits, Split, load_data
from netspec.trainer.data.blocks import HostBlocks
from netspec.trainer.data.ends import given_of
from netspec.trainer.machine.values import each
from netspec.trainer.measure.losses import Objective
from netspec.trainer.measure.objective import make_objective
from netspec.trainer.run.records import read_records
from netspec.trainer.setup.following import check_looks_back, check_tokens
from netspec.trainer.trained.continuation import Sampling, continue_text
from netspec.trainer.trained.inspection import inspect
from netspec.trainer.trained.opening import open_trained
from tests import forking
from tests.train.programs import ROOT, environment
from tests.train.small_runs import finish, run_until, whole_state
from tests.train.small_texts import GPT, text_net, words
from tests.train.test_divisors import RANKS
from tests.train.test_survival import free_port

LENGTH = 16


def data_of(net: Net, **options: Any) -> DataSplits:
    assert net.recipe is not None
    return load_data(net.recipe, *given_of(net), **options)


def objective_of(net: Net) -> Objective:
    assert net.recipe is not None
    return make_objective(net, net.recipe, torch.device("cpu"))


def blocks(split: Split | None, **options: Any) -> tuple[Tensor, Tensor]:
    """All blocks of a split and their targets, (N, length) each."""
    assert split is not None
    batches = list(split.batches(3, **options))
    x, y = ([each(batch[i])[0] for batch in batches] for i in (0, 1))
    return torch.cat(x), torch.cat(y)


# ---- blocks


def test_blocks_stand_one_behind_the_other_and_targets_are_one_token_further_on(tmp_path: Path) -> None:
    written = words().encode()
    x, y = blocks(data_of(text_net(tmp_path, validation=0.0)).train)
    count = (len(written) - 1) // LENGTH
    assert x.shape == y.shape == (count, LENGTH)
    assert x.dtype == y.dtype == torch.int64
    assert bytes(x.flatten().tolist()) == written[: count * LENGTH]
    assert bytes(y.flatten().tolist()) == written[1 : count * LENGTH + 1]


def test_validation_is_the_last_part_and_no_block_reaches_over_its_border(tmp_path: Path) -> None:
    data = data_of(text_net(tmp_path))
    text = words()
    border = round(len(text) * 0.8)
    for split, part in ((data.train, text[:border]), (data.validation, text[border:])):
        x, _ = blocks(split)
        assert part.encode().startswith(bytes(x.flatten().tolist()))
        assert len(x) == (len(part.encode()) - 1) // LENGTH


def test_an_epoch_sees_each_block_once_in_an_order_of_its_own(tmp_path: Path) -> None:
    train = data_of(text_net(tmp_path)).train
    whole = blocks(train)[0].tolist()
    first, second = (blocks(train, shuffle=True, epoch=epoch)[0].tolist() for epoch in (0, 1))
    assert first != whole
    assert first != second
    assert sorted(first) == sorted(second) == sorted(whole)
    assert blocks(train, shuffle=True, epoch=1, start_step=2)[0].tolist() == second[6:]


def test_with_an_offset_blocks_begin_elsewhere_in_every_epoch_and_their_number_stays(tmp_path: Path) -> None:
    data = data_of(text_net(tmp_path, data={"offset": True}))
    written = words().encode()
    starts: list[int] = []
    for epoch in range(20):
        rows = data.train.order(epoch=epoch, shuffle=True)
        (start,) = set((rows % LENGTH).tolist())
        starts.append(start)
        assert len(rows) == len(data.train)
        x, y = blocks(data.train, shuffle=True, epoch=epoch)
        assert all(bytes([*a, b[-1]]) in written for a, b in zip(x[:5].tolist(), y[:5].tolist(), strict=True))
    assert len(set(starts)) > 5
    assert blocks(data.train)[0][0].tolist() == list(written[:LENGTH])
    train = data.train
    train.limit(7, seed=0)
    assert len(train.order(epoch=3, shuffle=True)) == 7
    assert blocks(train, shuffle=True, epoch=3)[0].shape == (7, LENGTH)


def test_files_of_a_pattern_are_joined_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name, text in (("b.txt", "bb\r\n"), ("a.txt", "aé" * 20), ("in/c.txt", "cc" * 20), ("d.md", "never")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())
    whole = {
        "*.txt": "aé" * 20 + "bb\r\n",
        "**/*.txt": "aé" * 20 + "bb\r\n" + "cc" * 20,
        ("in/*.txt", "a.txt", "*.txt"): "cc" * 20 + "aé" * 20 + "bb\r\n",
    }
    for given, text in whole.items():
        net = text_net(tmp_path / "in", data={"train": given}, validation=0.0)
        (tmp_path / "in" / "words.txt").unlink()
        x, _ = blocks(data_of(net, base=tmp_path).train)
        assert text.encode().startswith(bytes(x.flatten().tolist()))
        assert len(x) == (len(text.encode()) - 1) // LENGTH


@pytest.mark.slow
def test_a_text_that_does_not_fit_on_the_device_stays_on_the_host_and_gives_the_same(tmp_path: Path) -> None:
    net = text_net(tmp_path)
    near, far = data_of(net), data_of(net, budget=0)
    assert isinstance(far.train, HostBlocks)
    assert near.train.resident
    for options in ({}, {"shuffle": True, "epoch": 2}, {"shard": (1, 2)}):
        assert all(map(torch.equal, blocks(near.train, **options), blocks(far.train, **options)))
    finish(net, tmp_path / "near")
    finish(net, tmp_path / "far", budget=0)
    assert whole_state(tmp_path / "near") == whole_state(tmp_path / "far")


def test_a_text_is_kept_in_a_byte_for_each_of_its_bytes(tmp_path: Path) -> None:
    net = text_net(tmp_path, validation=0.0)
    assert data_of(net).bytes == len(words().encode())


# ---- loss and perplexity


def plain_loop(net: Net, data: DataSplits) -> Iterator[float]:
    """The losses of a training loop as one writes it with torch alone; the order of the blocks is the split's."""
    assert net.recipe is not None
    model = netspec.build(net, seed=net.recipe.seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    text = torch.tensor(list(words()[: round(len(words()) * 0.8)].encode()))
    for epoch in range(net.recipe.epochs):
        for starts in data.train.order(seed=net.recipe.seed, epoch=epoch, shuffle=True).split(net.recipe.batch_size):
            x, y = (torch.stack([text[i + more : i + more + LENGTH] for i in starts.tolist()]) for more in (0, 1))
            loss = F.cross_entropy(model(x).transpose(1, 2), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield loss.item()


@pytest.mark.slow
def test_a_run_has_the_losses_of_a_plain_loop_for_a_hundred_steps(tmp_path: Path) -> None:
    """An epoch is one step here, so that its mean is the loss of that step."""
    net = text_net(tmp_path, epochs=100, batch_size=16, checkpoint_every=100)
    few = data_of(net)
    few.limit(16, net.recipe.seed)
    wanted = list(plain_loop(net, few))
    found = [record.train_loss for record in finish(net, tmp_path / "run", examples=16).records]
    assert len(found) == len(wanted) == 100
    assert max(abs(a - b) for a, b in zip(found, wanted, strict=True)) < 1e-5
    assert wanted[-1] < wanted[0] / 2


@pytest.mark.slow
def test_perplexity_falls_and_is_exact_over_an_uneven_last_batch(tmp_path: Path) -> None:
    net = text_net(tmp_path, optimizer={"AdamW": {"lr": 0.002}})
    data = data_of(net)
    assert data.validation is not None
    assert len(data.validation) % 8
    run = finish(net, tmp_path / "run")
    perplexities = [record.figure("validation_perplexity") for record in run.records]
    assert perplexities == sorted(perplexities, reverse=True)
    assert perplexities[-1] < perplexities[0] / 2
    model = open_trained(run.run, device="cpu").model
    x, y = blocks(data.validation)
    with torch.no_grad():
        exact = F.cross_entropy(model(x).flatten(0, 1).double(), y.flatten())
    assert perplexities[-1] == pytest.approx(exact.exp().item(), rel=1e-6)
    for record in run.records:
        assert record.figure("train_perplexity") == pytest.approx(math.exp(record.train_loss))


@pytest.mark.slow
def test_perplexity_stands_in_the_files_and_on_the_screen(tmp_path: Path) -> None:
    run = finish(text_net(tmp_path, epochs=1), tmp_path / "run", report=True)
    (record,) = run.records
    row = json.loads((run.run / "metrics.jsonl").read_text())
    assert row["validation_perplexity"] == record.figure("validation_perplexity")
    head = (run.run / "metrics.csv").read_text().splitlines()[0]
    assert head.endswith("examples_per_second,train_perplexity,validation_perplexity,learning_rate")
    assert f" perplexity {record.figure('train_perplexity'):.3f}"[:-1] in record.line
    assert "validation perplexity" in run.line
    assert "train perplexity" in (run.run / "report.html").read_text()
    found = inspect(open_trained(run.run, device="cpu"), "validation")
    assert found.score.parts["perplexity"] == pytest.approx(record.figure("validation_perplexity"))
    assert "perplexity" in found.text([])
    assert netspec.load(run.run / "spec.yaml").recipe == text_net(tmp_path, epochs=1).recipe


@pytest.mark.parametrize("loss", [{"label_smoothing": 0.1}, {"weight": [1.0] * 255 + [2.0]}])
def test_another_loss_than_the_mean_surprise_has_no_perplexity(loss: dict[str, Any], tmp_path: Path) -> None:
    net = text_net(tmp_path, epochs=1, loss={"CrossEntropyLoss": loss, "target": "next"})
    (record,) = finish(net, tmp_path / "run").records
    assert record.figure("train_perplexity") is None
    assert record.parts == {}


@pytest.mark.slow
def test_the_loss_is_that_of_log_probabilities_too(tmp_path: Path) -> None:
    nll = GPT.replace("name: head}", "name: head}\n  - LogSoftmax: -1").replace("CrossEntropyLoss", "NLLLoss")
    runs = [finish(text_net(tmp_path, spec, epochs=1), tmp_path / f"{i}") for i, spec in enumerate((GPT, nll))]
    first, second = (run.records[0] for run in runs)
    assert first.train_loss == pytest.approx(second.train_loss, rel=1e-5)
    assert first.parts == pytest.approx(second.parts, rel=1e-5)


def test_beside_another_loss_the_perplexity_has_the_name_of_its_output(tmp_path: Path) -> None:
    spec = GPT.replace("  - {Linear: 256, name: head}\n", "  - as: h\n").replace(
        "train:\n", "output: {words: [use: h, Linear: 256], again: [use: h, Linear: 256]}\ntrain:\n"
    )
    loss = [{"CrossEntropyLoss": None, "of": name, "target": "next"} for name in ("words", "again")]
    (record,) = finish(text_net(tmp_path, spec, epochs=1, loss=loss), tmp_path / "run").records
    for name in ("words", "again"):
        perplexity = record.figure(f"train_perplexity/{name}")
        assert perplexity == pytest.approx(math.exp(record.figure(f"train_loss/{name}") or math.nan))


def test_a_perplexity_beyond_every_number_is_infinite(tmp_path: Path) -> None:
    spec = "input: [16, int64]\nlayers:\n  - Embedding: {num_embeddings: 256, embedding_dim: 8}\n  - Linear: 256\n"
    spec += "init: {Embedding: {normal_: {std: 10000}}}\n" + GPT[GPT.index("train:") :]
    net = text_net(tmp_path, spec, epochs=1, optimizer={"SGD": {"lr": 1e-9}})
    (record,) = finish(net, tmp_path / "run").records
    assert record.train_loss > 709
    assert record.figure("train_perplexity") == math.inf
    assert len(record.line) <= 80


# ---- the trainer's promises


@pytest.mark.slow
def test_a_run_goes_on_to_the_bit(tmp_path: Path) -> None:
    net = text_net(tmp_path, data={"offset": True}, ema=0.9, accumulate=2)
    finish(net, tmp_path / "whole")
    run_until(net, tmp_path / "parts", 21)
    finish(net, tmp_path / "parts")
    assert whole_state(tmp_path / "parts") == whole_state(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.usefixtures("replay")
def test_recorded_steps_are_those_that_are_called(tmp_path: Path) -> None:
    net = text_net(tmp_path, epochs=1)
    finish(net, tmp_path / "called")
    finish(net, tmp_path / "recorded", driver="replay")
    called, recorded = (whole_state(tmp_path / name)["model"] for name in ("called", "recorded"))
    assert called == recorded


@pytest.mark.slow
def test_accumulated_batches_give_the_step_of_a_large_one(tmp_path: Path) -> None:
    text_net(tmp_path)
    large = finish(text_net(tmp_path, batch_size=8, epochs=1), tmp_path / "large").records[0]
    small = finish(text_net(tmp_path, batch_size=4, epochs=1, accumulate=2), tmp_path / "small").records[0]
    assert small.step == large.step
    assert small.train_loss == pytest.approx(large.train_loss, rel=1e-5)
    assert small.validation_loss == pytest.approx(large.validation_loss, rel=1e-4)


@pytest.mark.slow
def test_two_processes_train_what_one_does(tmp_path: Path) -> None:
    net = text_net(tmp_path, data={"offset": True}, epochs=2)
    (tmp_path / "spec.yaml").write_text(netspec.expand(net))
    arguments = ("train", str(tmp_path / "spec.yaml"), "--run", str(tmp_path / "two"), "--no-report", "--device", "cpu")
    world = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    child = forking.run("-c", RANKS, *arguments, cwd=ROOT, env=environment(world), torch=True)
    assert child.returncode == 0, child.stderr
    one = finish(net, tmp_path / "one", device="cpu").records[-1]
    two = read_records(tmp_path / "two")[-1]
    assert (two.step, two.epoch) == (one.step, one.epoch)
    assert two.parts == pytest.approx(one.parts, rel=1e-3)


def test_a_changed_text_is_another_run_and_a_copy_of_it_is_the_same(tmp_path: Path) -> None:
    run_until(text_net(tmp_path), tmp_path / "run", 5)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    copy = data_of(text_net(elsewhere))
    assert copy.fingerprint == data_of(text_net(tmp_path)).fingerprint
    net = text_net(tmp_path)
    (tmp_path / "words.txt").write_text(words().replace("one", "ONE", 1), encoding="utf-8")
    with pytest.raises(UsageError, match="the data set's content is another"):
        finish(net, tmp_path / "run")


# ---- what is wrong


def failure(net: Net, **options: Any) -> str:
    with pytest.raises(ResourceError) as caught:
        data_of(net, **options)
    return str(caught.value)


def test_what_is_wrong_with_files_is_said_with_its_place(tmp_path: Path) -> None:
    def said(**data: Any) -> str:
        return failure(text_net(tmp_path, data=data), base=tmp_path)

    (tmp_path / "empty.txt").touch()
    (tmp_path / "short.txt").write_text("abc")
    (tmp_path / "latin.txt").write_bytes("eins\nzwei drei\nfünf".encode("latin-1"))
    assert said(train="no.txt") == f"there is no file `no.txt`; the path counts from `{tmp_path}`"
    assert said(train="no*.txt") == f"no file matches `no*.txt`; the pattern counts from `{tmp_path}`"
    assert said(train=str(tmp_path)).endswith("is a folder; name its files, as in `" + str(tmp_path) + "/*.txt`")
    assert "empty.txt` has no text for test, but a block of 16 and the token behind it take 17" in said(
        test="empty.txt"
    )
    assert "short.txt` has 3 bytes for validation, but" in failure(
        text_net(tmp_path, data={"validation": "short.txt"}, validation=0.0), base=tmp_path
    )
    assert "latin.txt` is no UTF-8: the byte at offset 16 (line 3) is 0xfc; convert it" in said(test="latin.txt")
    few = failure(text_net(tmp_path, validation=0.0005))
    assert few.startswith(f"the last 0.0005 of `{tmp_path / 'words.txt'}` has ")
    assert "elsewhere in every epoch takes 32" in failure(
        text_net(tmp_path, data={"train": "short.txt", "offset": True}, validation=0.0), base=tmp_path
    )


def test_a_text_in_two_parts_is_noted(tmp_path: Path) -> None:
    net = text_net(tmp_path, data={"test": str(tmp_path / "words.txt")})
    assert data_of(net).notes == (f"note: `{tmp_path / 'words.txt'}` is both training and test text",)


@pytest.mark.parametrize("attention", ["num_heads: 4", "num_heads: 4, is_causal: false"])
def test_a_net_that_sees_what_it_is_to_say_is_refused(attention: str, tmp_path: Path) -> None:
    spec = GPT.replace("num_heads: 4, is_causal: true", attention)
    with pytest.raises(UsageError, match="scores at place 15 of 16 change with the token at place 16"):
        finish(text_net(tmp_path, spec), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("layer", [
    "LSTM: 32",
    "Rearrange: n t c -> n c t\n  - ConstantPad1d: {padding: [2, 0], value: 0}\n"
    "  - Conv1d: {out_channels: 32, kernel_size: 3}\n  - Rearrange: n c t -> n t c",
])  # fmt: skip
def test_a_net_that_looks_back_only_is_trained(layer: str, tmp_path: Path) -> None:
    spec = GPT.replace("residual: [LayerNorm, SelfAttention: {num_heads: 4, is_causal: true}]", layer)
    assert finish(text_net(tmp_path, spec, epochs=1), tmp_path / "run").records[0].train_loss < 6


def test_asking_a_net_whether_it_looks_back_draws_nothing(tmp_path: Path) -> None:
    """Also where the net draws by itself, in which case it is not judged."""
    net = text_net(tmp_path, GPT.replace("is_causal: true", "is_causal: false"))
    model, objective, data = netspec.build(net), objective_of(net), data_of(net)

    def noisy(module: torch.nn.Module, _: object, output: Tensor) -> Tensor:
        return output + torch.rand_like(output)

    model.register_forward_hook(noisy)
    before = torch.get_rng_state()
    check_looks_back(model, objective, blocks(data.train)[0][:1], 256, torch.device("cpu"))
    assert torch.equal(torch.get_rng_state(), before)
    assert model.training


def test_a_net_too_small_for_the_tokens_of_a_file_is_refused_with_its_line(tmp_path: Path) -> None:
    net = text_net(tmp_path)
    objective = objective_of(net)
    check_tokens(net, objective, 256, "it")
    with pytest.raises(ResourceError, match=r"it has 300 tokens, but `Embedding` \(.*:5:6\) has 256 rows"):
        check_tokens(net, objective, 300, "it")
    larger = text_net(tmp_path, GPT.replace("num_embeddings: 256", "num_embeddings: 300"))
    with pytest.raises(ResourceError, match=r"it has 300 tokens, but `Linear` \(.*:10:6\) gives 256 scores"):
        check_tokens(larger, objective, 300, "it")


@pytest.mark.parametrize(("data", "what"), [
    ({"bpe": 300}, "`bpe: 300`"), ({"tokenizer": "t.json"}, "a text with a `tokenizer`"),
])  # fmt: skip
def test_an_encoding_without_its_library_is_a_missing_extra(
    data: dict[str, Any], what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    (tmp_path / "t.json").write_text("{}")
    net = text_net(tmp_path, GPT.replace("256", "300"), data=data)
    with pytest.raises(MissingExtra) as caught:
        finish(net, tmp_path / "run", base=tmp_path)
    assert str(caught.value).startswith(f"{what} needs the library tokenizers:\n")
    assert str(caught.value).endswith("[text]'")
    assert caught.value.exit_status == 3


@pytest.mark.slow
def test_the_shipped_net_learns_from_a_text_that_python_brings(tmp_path: Path) -> None:
    """In two hundred steps it is better than one that knows how frequent each byte is."""
    from pydoc_data.topics import topics

    text = " ".join(topics.values())[:60000]
    (tmp_path / "topics.txt").write_text(text, encoding="utf-8")
    settings = {"train.epochs": 4, "train.batch_size": 8, "train.warmup.steps": 20}
    net = netspec.load(ROOT / "specs" / "language" / "gpt_bytes.yaml", set=settings)
    run = finish(net, tmp_path / "run", base=tmp_path)
    counts = torch.bincount(torch.tensor(list(text.encode())), minlength=256).double()
    shares = counts[counts > 0] / counts.sum()
    first, *_, last = (record.figure("validation_perplexity") for record in run.records)
    assert first is not None
    assert last is not None
    assert last < first
    assert last < (-(shares * shares.log()).sum()).exp().item()
    found = continue_text(open_trained(run.run, device="cpu"), "The class ", 20, Sampling(top_k=20))
    assert len(found.text.encode()) >= 16
