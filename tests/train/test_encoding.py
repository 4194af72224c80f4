"""Texts in tokens of a `tokenizer.json`: made of the training text, or given. Needs the library `tokenizers`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import netspec
from netspec.diagnostics import ResourceError, UsageError
from netspec.net import Net
from netspec.trainer.data.text import tokens_of
from netspec.trainer.data.tokens import Bytes, Encoding, train_encoding
from netspec.trainer.measure.objective import make_objective
from netspec.trainer.run.directory import RunDirectory
from netspec.trainer.run.records import read_records
from netspec.trainer.trained.continuation import Sampling, continue_text
from netspec.trainer.trained.inspection import inspect
from netspec.trainer.trained.opening import open_trained
from tests.train.small_runs import finish, run_until, whole_state
from tests.train.small_texts import GPT, text_net, words
from tests.train.test_text import blocks, data_of

tokenizers: Any = pytest.importorskip("tokenizers")

SIZE = 280
WIDER = GPT.replace("256", str(SIZE))


@pytest.fixture
def made(tmp_path: Path) -> Net:
    """A net with an encoding of 280 tokens made of its text."""
    return text_net(tmp_path, WIDER, data={"bpe": SIZE}, epochs=2)


def given(folder: Path, size: int, *tokens: str, name: str = "tokenizer.json") -> Path:
    """The file of an encoding that is made elsewhere, with some tokens added."""
    path = folder / name
    tokenizer = tokenizers.Tokenizer.from_str(train_encoding([words(500)], size).file)
    tokenizer.add_special_tokens(list(tokens))
    tokenizer.save(str(path))
    return path


# ---- tokens


@pytest.mark.parametrize("text", ["", "one two\r\n\tthree — naïve\n\n", "日本 🙂\0", words(50)])
def test_a_text_comes_back_as_it_was(text: str) -> None:
    for known in (Bytes(), train_encoding([words()], SIZE)):
        tokens = known.encode(text)
        assert known.decode(tokens.tolist()) == text
        assert tokens.numel() == 0 or int(tokens.max()) < known.size
    assert len(Bytes().encode(text)) == len(text.encode())


def test_equal_texts_give_an_equal_encoding_of_the_size_that_is_asked_for() -> None:
    one, two = (train_encoding([words(), "six\n"], SIZE) for _ in range(2))
    assert one.file == two.file
    assert one.size == SIZE
    assert len(one.encode(words())) < len(words().encode()) / 2
    other = train_encoding([words(40)], SIZE)
    assert other.file != one.file


def test_a_character_that_is_not_whole_at_the_end_is_left_out() -> None:
    known = train_encoding(["aa bb"], 258)
    tokens = known.encode("a🙂").tolist()
    assert len(tokens) == 5
    assert [known.decode(tokens[:count]) for count in (2, 4, 5)] == ["a", "a", "a🙂"]


# ---- runs


def test_the_encoding_is_made_of_the_training_part_alone(made: Net) -> None:
    data = data_of(made)
    text = words()
    border = round(len(text) * 0.8)
    assert data.kept == train_encoding([text[:border]], SIZE).file
    assert data.classes == SIZE
    known = Encoding(data.kept or "")
    x, y = blocks(data.validation)
    wanted = known.encode(text[border:]).long()
    assert torch.equal(x.flatten(), wanted[: x.numel()])
    assert torch.equal(y.flatten(), wanted[1 : y.numel() + 1])
    assert data.bytes == 4 * sum(len(known.encode(part)) for part in (text[:border], text[border:]))


@pytest.mark.slow
def test_a_run_keeps_its_encoding_and_goes_on_to_the_bit(made: Net, tmp_path: Path) -> None:
    run = finish(made, tmp_path / "whole")
    assert (tmp_path / "whole" / "tokenizer.json").read_text() == data_of(made).kept
    run_until(made, tmp_path / "parts", 7)
    finish(made, tmp_path / "parts")
    assert whole_state(tmp_path / "parts") == whole_state(tmp_path / "whole")
    assert run.records[1].figure("validation_perplexity") < run.records[0].figure("validation_perplexity")  # pyright: ignore[reportOptionalOperand]


def test_what_a_run_keeps_is_used_in_place_of_making_it_again(made: Net, tmp_path: Path) -> None:
    """As after another release of the library, which may join other pairs: here it is an encoding of half the text."""
    run_until(made, tmp_path / "run", 7)
    kept = RunDirectory(tmp_path / "run").path / "tokenizer.json"
    other = train_encoding([words(100)], SIZE).file
    assert other is not None
    assert data_of(made, kept=kept).fingerprint == data_of(made).fingerprint
    kept.write_text(other)
    assert data_of(made, kept=kept).kept == other
    with pytest.raises(UsageError, match="the data set's content is another"):
        finish(made, tmp_path / "run")


@pytest.mark.slow
def test_a_file_that_is_given_is_copied_into_the_run_and_a_change_is_noticed(tmp_path: Path) -> None:
    path = given(tmp_path, 270, "<|end|>")
    net = text_net(tmp_path, GPT.replace("256", "271"), data={"tokenizer": str(path), "vocabulary": 271}, epochs=2)
    run_until(net, tmp_path / "run", 7)
    finish(net, tmp_path / "whole")
    assert (tmp_path / "run" / "tokenizer.json").read_text() == path.read_text()
    given(tmp_path, 269, "<|end|>", "<|more|>")
    with pytest.raises(UsageError, match="the data set's content is another"):
        finish(net, tmp_path / "run")
    path.unlink()  # a finished run is measured and asked by what it keeps
    trained = open_trained(tmp_path / "whole", device="cpu")
    last = read_records(tmp_path / "whole")[-1]
    assert inspect(trained, "validation").score.loss == pytest.approx(last.validation_loss)
    assert continue_text(trained, "one two three — na", 6, Sampling(temperature=0)).tokens == 6


def test_a_text_goes_on_in_whole_characters(made: Net, tmp_path: Path) -> None:
    path = finish(made, tmp_path / "run", report=False).run
    trained = open_trained(path, device="cpu")
    found = continue_text(trained, "one two ", 12, Sampling(temperature=0))
    known = tokens_of(trained.recipe.data, trained.run.path / "tokenizer.json")
    assert found.tokens == 12
    assert len(found.text) > 12
    assert "\ufffd" not in found.text
    again = known.encode("one two " + found.text)
    assert len(again) >= 12


# ---- what is wrong


def test_a_net_with_fewer_rows_or_scores_than_a_file_has_tokens_is_refused_with_its_line(tmp_path: Path) -> None:
    path = given(tmp_path, 290)
    for old, new, said in (
        ("", "", r"the text of `text` has 290 tokens, but `Embedding` \(.*:5:6\) has 280 rows: there is none for the "
         r"others; write `num_embeddings: 290`"),
        ("num_embeddings: 280", "num_embeddings: 290",
         r"has 290 tokens, but `Linear` \(.*:10:6\) gives 280 scores: there is none for the others; let the last layer "
         r"give 290"),
    ):  # fmt: skip
        net = text_net(tmp_path, WIDER.replace(old, new), data={"tokenizer": str(path)})
        with pytest.raises(ResourceError, match=said):
            finish(net, tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_a_vocabulary_that_is_stated_wrongly_is_held_against_the_file(tmp_path: Path) -> None:
    path = given(tmp_path, 290)
    net = text_net(tmp_path, WIDER, data={"tokenizer": str(path), "vocabulary": SIZE})
    with pytest.raises(ResourceError, match=r"has 290 tokens, but the recipe says `vocabulary: 280`; write 290"):
        data_of(net)


def test_a_text_with_too_few_pairs_is_noted(tmp_path: Path) -> None:
    net = text_net(tmp_path, GPT.replace("256", "5000"), data={"bpe": 5000})
    data = data_of(net)
    assert data.notes == (
        f"note: the training text has pairs for {data.classes:,} tokens, not for the 5,000 of `bpe`",
    )  # fmt: skip
    finish(text_net(tmp_path, GPT.replace("256", "5000"), data={"bpe": 5000}, epochs=1), tmp_path / "run")


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", json.dumps({"version": "1.0", "model": {}}).encode()])
def test_another_file_is_no_tokenizer(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_bytes(content)
    net = text_net(tmp_path, WIDER, data={"tokenizer": "t.json"})
    with pytest.raises(ResourceError, match=r"t\.json` is no tokenizer\.json \(.*\); write it with `tokenizers"):
        data_of(net, base=tmp_path)
    (tmp_path / "t.json").unlink()
    with pytest.raises(ResourceError, match=r"`t\.json` cannot be read: No such file"):
        data_of(net, base=tmp_path)


def test_scores_of_tokens_that_there_are_not_are_never_drawn(tmp_path: Path) -> None:
    net = text_net(tmp_path, GPT.replace("256", "5000"), data={"bpe": 5000}, epochs=1)
    trained = open_trained(finish(net, tmp_path / "run").run, device="cpu")
    size = data_of(net).classes
    assert size is not None
    with torch.no_grad():
        trained.model.get_submodule("head").bias[size:] = 1e6
    assert continue_text(trained, "one", 5, Sampling()).tokens == 5
    assert net.recipe is not None
    assert make_objective(net, net.recipe, torch.device("cpu")).terms[0].scores == (16, 5000)
    assert netspec.check(tmp_path / "run" / "spec.yaml") == []
