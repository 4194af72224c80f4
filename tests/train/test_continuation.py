"""`netspec predict` of a run on text: what is drawn, what is seen, and how it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from netspec.cli import cli
from netspec.diagnostics import NetspecError
from netspec.trainer.run.result import RunResult
from netspec.trainer.trained.continuation import Sampling, continue_text
from netspec.trainer.trained.opening import Trained, open_trained
from tests.commands import APART
from tests.train.small_runs import finish, small_net
from tests.train.small_texts import text_net, words
from tests.train.test_trained import IMAGES

GREEDY = Sampling(temperature=0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A run on numbers as they are spelt, on blocks of 16 bytes."""
    folder = tmp_path_factory.mktemp("text")
    return finish(text_net(folder, epochs=3), folder / "run")


@pytest.fixture
def trained(run: RunResult) -> Trained:
    return open_trained(run.run, device="cpu")


def command(*arguments: object, input: bytes | None = None) -> Result:
    options: dict[str, Any] = APART
    words = ["predict", *map(str, arguments)]
    return CliRunner(**options).invoke(cli, words, input=input, standalone_mode=False)


def said(*arguments: object, input: bytes | None = None) -> dict[str, Any]:
    result = command(*arguments, "--format", "json", input=input)
    assert result.exception is None, result.exception
    (found,) = json.loads(result.stdout)
    return found


def refusal(*arguments: object, input: bytes | None = None) -> tuple[int, str]:
    error = command(*arguments, input=input).exception
    assert isinstance(error, NetspecError)
    return error.exit_status, str(error)


def likeliest(trained: Trained, prompt: str, count: int) -> bytes:
    """The likeliest continuation, by a loop over the model; the window slides over the last 16 bytes."""
    tokens = list(prompt.encode())
    for _ in range(count):
        seen = tokens[-16:]
        block = torch.tensor([seen + [7] * (16 - len(seen))])  # what stands behind does not count
        with torch.no_grad():
            tokens.append(int(trained.model(block)[0, len(seen) - 1].argmax()))
    return bytes(tokens[len(prompt.encode()) :])


@pytest.mark.parametrize("prompt", ["one", "three four five — naïve\nthree four"])
def test_a_text_goes_on_with_the_likeliest_tokens(prompt: str, trained: Trained) -> None:
    found = continue_text(trained, prompt, 30, GREEDY)
    assert found.text == likeliest(trained, prompt, 30).decode("utf-8", "replace")
    assert (found.tokens, found.window) == (30, 16)
    assert found.forgot == len(prompt.encode()) + 30 - 1 - 16
    assert continue_text(trained, prompt, 30, Sampling(top_k=1)).text == found.text


def test_a_net_that_has_learned_says_what_it_has_read(trained: Trained) -> None:
    text = continue_text(trained, "one two three — na", 5, GREEDY).text
    assert text == "ïve\n"
    assert text in words()


def test_a_seed_decides_what_is_drawn(run: RunResult) -> None:
    def draw(*more: object) -> str:
        return said(run.run, "--text", "one ", "--tokens", 40, *more)["text"]

    assert draw("--seed", 1) == draw("--seed", 1)
    assert len({draw("--seed", seed) for seed in range(4)}) == 4
    assert draw() == draw("--seed", 0, "--temperature", 1)
    assert draw("--temperature", 1e-6) == draw("--temperature", 0) == draw("--top-k", 1)
    assert draw("--top-k", 300) == draw()


def test_tokens_are_drawn_by_their_shares(trained: Trained) -> None:
    block = torch.tensor([[*b"two t", *[0] * 11]])
    with torch.no_grad():
        scores = trained.model(block)[0, 4].double()
    kept = scores.topk(3)
    shares = (kept.values / 2).softmax(0)
    count = 200
    drawn = [continue_text(trained, "two t", 1, Sampling(2.0, 3, seed)).text for seed in range(count)]
    for token, share in zip(kept.indices.tolist(), shares.tolist(), strict=True):
        assert drawn.count(chr(token)) / count == pytest.approx(share, abs=4 * (share * (1 - share) / count) ** 0.5)
    assert {ord(text) for text in drawn} <= set(kept.indices.tolist())


def always(trained: Trained, byte: int) -> None:
    """Let the net say one byte, whatever it sees."""
    with torch.no_grad():
        head = trained.model.get_submodule("head")
        head.weight.zero_()
        head.bias.zero_()
        head.bias[byte] = 1.0


def test_bytes_that_are_no_character_are_replaced_and_a_last_one_that_is_not_whole_is_left_out(
    trained: Trained,
) -> None:
    always(trained, 0xE2)
    assert continue_text(trained, "é", 3, GREEDY).text == "\ufffd\ufffd"
    assert continue_text(trained, "é", 1, GREEDY).text == ""
    always(trained, 0xFF)
    assert continue_text(trained, "é", 2, GREEDY).text == "\ufffd\ufffd"


def test_a_prompt_is_a_text_a_file_or_standard_input(run: RunResult, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("six sept — naï", encoding="utf-8")
    text = said(run.run, "--text", "six sept — naï", "--tokens", 3)
    file = said(run.run, tmp_path / "a.txt", "--tokens", 3)
    stdin = said(run.run, "-", "--tokens", 3, input="six sept — naï".encode())
    assert file == {"file": str(tmp_path / "a.txt"), **text}
    assert stdin == {"file": "-", **text}
    result = command(run.run, "--text", "six sept — naï", "--tokens", 3)
    assert result.stdout == f"six sept — naï{text['text']}\n"
    assert result.stderr == "note: the net sees 16 tokens at a time: at the end 3 did not count\n"
    both = command(run.run, tmp_path / "a.txt", tmp_path / "a.txt", "--tokens", 3).stdout
    assert both == f"{tmp_path / 'a.txt'}:\n{result.stdout}" * 2


def test_the_end_of_a_long_text_is_all_that_counts(run: RunResult) -> None:
    long = words(40)
    found = said(run.run, "--text", long, "--tokens", 20, "--temperature", 0)
    short = said(run.run, "--text", long.encode()[-16:].decode(), "--tokens", 20, "--temperature", 0)
    assert found["text"] == short["text"]
    assert found["forgot"] == len(long.encode()) + 20 - 1 - 16


def test_what_cannot_go_on_is_said(run: RunResult, tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("zwölf".encode("latin-1"))
    assert refusal(run.run, "-", input=b"") == (2, "there is no text to continue: it is empty")
    assert refusal(run.run, "--text", "a\udcff")[1].startswith("the text to continue has bytes that are no UTF-8")
    assert refusal(run.run, tmp_path / "no.txt") == (
        2, f"there is no file `{tmp_path / 'no.txt'}`; a text itself is given by `--text`",
    )  # fmt: skip
    status, message = refusal(run.run, tmp_path / "latin.txt")
    assert (status, message.split(";")[0]) == (
        5, f"`{tmp_path / 'latin.txt'}` is no UTF-8: the byte at offset 2 (line 1) is 0xf6",
    )  # fmt: skip
    assert "standard input` is no UTF-8" in refusal(run.run, "-", input=b"\xff")[1]
    assert refusal(run.run, "--text", "a", "--split", "validation")[1].endswith(
        "or give a text by `--text`; one of them"
    )
    assert refusal(run.run, "--split", "validation", "--seed", 3) == (
        2, "`--seed` is for a text that a run on text goes on with",
    )  # fmt: skip


def test_a_run_on_pictures_continues_no_text(tmp_path: Path) -> None:
    path = finish(small_net(IMAGES, epochs=1), tmp_path / "run").run
    assert refusal(path, "--text", "a") == (
        2, f"`--text` is for a text that a run on text goes on with, and `{path}` is on `synthetic`",
    )  # fmt: skip


def test_the_blocks_of_a_run_can_be_asked_for_too(run: RunResult) -> None:
    result = command(run.run, "--split", "validation", "--examples", 2, "--format", "json")
    found = json.loads(result.stdout)
    assert [one["example"] for one in found] == [0, 1]
    assert torch.tensor(found[0]["outputs"]["output"]).shape == (16, 256)
