"""Recipes of text against themselves and the net, by what is known without a file."""

from __future__ import annotations

import builtins
from pathlib import Path

import pytest

import netspec
from netspec.compiler import check_source
from netspec.diagnostics import Diagnostic
from netspec.recipe import Recipe
from netspec.text.source import decode

SPEC = """
input: [16, int64]
layers:
  - Embedding: {num_embeddings: 256, embedding_dim: 8}
  - LSTM: 8
  - Linear: 256
train:
  data: {text: book.txt}
  validation: 0.1
  batch_size: 4
  epochs: 1
  optimizer: AdamW
  loss: {CrossEntropyLoss: , target: next}
"""


def findings(*changes: tuple[str, str], spec: str = SPEC) -> list[Diagnostic]:
    for old, new in changes:
        assert old in spec
        spec = spec.replace(old, new)
    source, problems = decode(spec.encode(), "spec.yaml")
    return check_source(source, problems)


def only(*changes: tuple[str, str]) -> tuple[str, str, str | None]:
    """Code, message and help of the one finding that a spec has after these changes."""
    (found,) = findings(*changes)
    return found.code, found.message, found.help


def recipe(*changes: tuple[str, str]) -> Recipe:
    spec = SPEC
    for old, new in changes:
        spec = spec.replace(old, new)
    found = netspec.loads(spec).recipe
    assert found is not None
    return found


def test_a_check_opens_no_file_of_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **_: object) -> None:
        raise AssertionError(arguments)

    changes = ("book.txt", "{train: [a.txt, 'b/*.txt'], test: c.txt, tokenizer: t.json, vocabulary: 256}")
    assert findings(changes) == []  # imports are done
    for place, name in ((builtins, "open"), (Path, "open"), (Path, "exists"), (Path, "stat"), (Path, "read_bytes")):
        monkeypatch.setattr(place, name, refuse)
    assert findings(changes) == []


def test_what_is_read_is_written_again_as_it_was() -> None:
    data = "{train: [a.txt, 'b/*.txt'], test: c.txt, length: 16, offset: true, bpe: 300}"
    read = recipe(("book.txt", data), ("256, embedding", "300, embedding"), ("Linear: 256", "Linear: 300"))
    assert read.data.model_dump()["train"] == ("a.txt", "b/*.txt")
    assert read.to_dict()["data"]["text"]["train"] == ["a.txt", "b/*.txt"]
    assert read.to_dict()["loss"] == [{
        "CrossEntropyLoss": {"weight": None, "ignore_index": -100, "label_smoothing": 0.0}, "target": "next",
        "weight": 1.0,
    }]  # fmt: skip


def test_the_best_epoch_of_a_text_is_that_of_the_least_loss() -> None:
    assert recipe().best == "validation_loss"
    assert recipe(("  validation: 0.1\n", "")).best is None
    assert recipe(("  epochs: 1\n", "  epochs: 1\n  best: validation_accuracy\n")).best == "validation_accuracy"


def test_a_loss_without_its_target_is_mended() -> None:
    for old, new in (
        ("CrossEntropyLoss", "{CrossEntropyLoss: , target: next}"),
        ("{CrossEntropyLoss: {label_smoothing: 0.1}}", "{CrossEntropyLoss: {label_smoothing: 0.1}, target: next}"),
    ):
        (found,) = findings(("{CrossEntropyLoss: , target: next}", old))
        assert found.code == "loss-mismatch"
        assert found.message == "`text` has no `labels`: its target is `next`, for each token the one behind it"
        assert found.help == f"write `{new}`"
        assert found.fix is not None
        (edit,) = found.fix.edits
        assert edit.text == new
        assert findings(("{CrossEntropyLoss: , target: next}", new)) == []


@pytest.mark.parametrize(("changes", "code", "message", "mend"), [
    ([("256, embedding", "200, embedding")], "classes-mismatch",
     "`text` has 256 tokens, but `Embedding` has 200 rows: there is none for the others",
     "write `num_embeddings: 256`"),
    ([("Linear: 256", "Linear: 100")], "classes-mismatch",
     "`text` has 256 tokens, but the net's output has 100 scores: there is none for the others",
     "let the last layer give 256"),
    ([("Linear: 256", "Linear: 300")], "classes-mismatch",
     "`text` has 256 tokens, but the net's output has 300 scores, of which the others never occur",
     "let the last layer give 256"),
    ([("Linear: 256", "Linear: 256\n  - Rearrange: n t c -> n c t")], "loss-mismatch",
     "`target: next` wants the scores of all tokens at each of the 16 places, 16 × ?, but the net's output is 256 × 16",
     "the scores stand on the last axis: leave out what turns the axes"),
    ([("Linear: 256", "Select: {dim: 1, index: -1}\n  - Linear: 256")], "loss-mismatch",
     "`target: next` wants the scores of all tokens at each of the 16 places, 16 × ?, but the net's output is 256",
     "end the net with `Linear: 256` on a vector for each token"),
    ([("CrossEntropyLoss:", "MSELoss:")], "loss-mismatch",
     "`target: next` is the number of a token, which `MSELoss` cannot compare with the scores of all tokens at each "
     "place", "use CrossEntropyLoss"),
    ([("CrossEntropyLoss:", "MultiMarginLoss:")], "loss-mismatch",
     "`target: next` is the number of a token, which `MultiMarginLoss` cannot compare with the scores of all tokens at "
     "each place", "use CrossEntropyLoss"),
    ([("target: next", "target: nex")], "unknown-target",
     "`text` gives no `nex`, and the net has no input of that name", "did you mean `next`?"),
    ([("book.txt", "{train: book.txt, length: 20}")], "data-mismatch",
     "the examples of `text` have the shape [20], but the net's input is [16]", None),
    ([("book.txt", "{train: book.txt, bpe: 256}")], "invalid-argument",
     "`bpe` of `text` wants an integer above 256, the number of bytes, not 256", None),
    ([("book.txt", "{train: book.txt, vocabulary: 5}")], "recipe-conflict",
     "`vocabulary: 5` counts the tokens of a `tokenizer`, and none is named: bytes are 256",
     "leave it out; `bpe: 4096` makes an encoding of 4096 tokens from the text"),
    ([("book.txt", "{train: book.txt, bpe: 300, tokenizer: t.json}")], "recipe-conflict",
     "`bpe: 300` makes an encoding of the training text, but `tokenizer` names one", "leave out one of the two"),
    ([("book.txt", "{train: book.txt, validation: other.txt}")], "recipe-conflict",
     "`validation: 0.1` holds out a share of the training set, but `text` names validation data of its own",
     "leave out one of the two"),
    ([("book.txt", "{train: 3}")], "invalid-argument", "`train` of `text` wants text, or a list of texts, not 3", None),
    ([("  epochs: 1\n", "  epochs: 1\n  transforms: [Resize: 8]\n")], "recipe-conflict",
     "`transforms` work on images, but the examples of `text` have the shape [16]", "leave them out"),
    ([("  epochs: 1\n", "  epochs: 1\n  mixup: 0.2\n")], "recipe-conflict",
     "`mixup` averages inputs, but those of this net are int64", None),
    ([("{CrossEntropyLoss: ", "{NLLLoss: ")], "loss-mismatch",
     "`NLLLoss` takes log-probabilities, but the net ends in `Linear`",
     "end the net with `LogSoftmax: {dim: -1}`, or use CrossEntropyLoss, which includes it"),
    ([("{CrossEntropyLoss: ", "{CrossEntropyLoss: {weight: [1, 2]}")], "loss-mismatch",
     "`weight` of `CrossEntropyLoss` has 2 factors, but the net's output has 256 scores", "give one factor per class"),
])  # fmt: skip
def test_what_does_not_fit_is_said_with_both_numbers(
    changes: list[tuple[str, str]], code: str, message: str, mend: str | None
) -> None:
    assert only(*changes) == (code, message, mend)


def test_an_input_of_numbers_is_no_text() -> None:
    found = only(("[16, int64]", "[16, 8]"), ("  - Embedding: {num_embeddings: 256, embedding_dim: 8}\n", ""))
    assert found == (
        "data-mismatch", "`text` gives int64 examples, but the net's input is float32",
        "tokens are integers, as in `input: [128, int64]`",
    )  # fmt: skip


def test_a_table_that_reads_no_tokens_is_not_held_against_them() -> None:
    numbers = "Buffer: {value: '[i for i in range(16)]', dtype: int64}"
    places = f"{numbers}, Embedding: {{num_embeddings: 16, embedding_dim: 8}}"
    assert findings(("  - LSTM", f"  - add: [[], [{places}]]\n  - LSTM")) == []
