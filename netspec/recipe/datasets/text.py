"""Text of the user's own, for nets that say the next token."""

from __future__ import annotations

from typing import ClassVar

from netspec.arguments import Count
from netspec.dims import Problem
from netspec.dims import Shape as Sizes
from netspec.layers.base import DType
from netspec.recipe.base import DataSet, Facts
from netspec.recipe.fields import Merged, Texts

BYTES = 256
"""The tokens of text that is bytes."""


class Text(DataSet):
    """Text in files of UTF-8, as blocks of tokens. The target is `next`: for each token of a block the one behind it.

    Tokens are bytes, 256 of them, unless `bpe` or `tokenizer` says otherwise. A block is as long as the net's input;
    blocks stand one behind the other, and what does not fill the last one is left out. An epoch sees each block once,
    in an order that `seed` draws. The recipe's `validation` is the last part of the training text here, and no block
    reaches over its border. Files count in the order of their names, and are joined as they are. A relative path
    counts from the directory where the run was started, as long as it is there.

    The net gives the scores of all tokens on its last axis at each place of a block: (length, tokens). Beside the loss
    stands the perplexity, its exponential, unless `weight` or `label_smoothing` makes it another loss. A net that sees
    the token which it is to say is refused before the first step.

    Args:
        train: the file of the training text, a pattern such as `texts/*.txt` (`**` for folders in folders), or a list.
        test: the test text, likewise; null for none.
        validation: the validation text, likewise, in place of the recipe's `validation` share.
        length: tokens of a block; null is the length of the net's input.
        offset: blocks begin at another place in every epoch of training, which `seed` draws.
        bpe: makes a byte-pair encoding of so many tokens from the training text. This needs the extra `text`.
        tokenizer: a `tokenizer.json` of the library `tokenizers`, which this needs; the extra is `text`.
        vocabulary: how many tokens it has, if the spec is to be checked against it without the file.
    """

    word: ClassVar[str | None] = "text"
    reader: ClassVar[str] = "text"
    scalar: ClassVar[str | None] = "train"
    images: ClassVar[bool] = False
    labels: ClassVar[bool] = False
    next_token: ClassVar[bool] = True
    keeps: ClassVar[str | None] = "tokenizer.json"
    worked: ClassVar[str | None] = """
input: [64, int64]
layers:
  - Embedding: {num_embeddings: 256, embedding_dim: 64}
  - LSTM: 128
  - Linear: 256
train:
  data: {text: texts/*.txt}   # bytes; blocks of 64, as the input says
  validation: 0.1
  batch_size: 32
  epochs: 5
  optimizer: {AdamW: {lr: 0.003}}
  loss: {CrossEntropyLoss: , target: next}
"""
    example: ClassVar[str | None] = "book.txt"

    train: Texts
    test: Texts | None = None
    validation: Texts | None = None
    length: Count | None = None
    offset: bool = False
    bpe: Merged | None = None
    tokenizer: str | None = None
    vocabulary: Count | None = None

    @property
    def encoded(self) -> bool:
        return self.bpe is not None or self.tokenizer is not None

    @property
    def learns(self) -> bool:
        return self.bpe is not None

    @property
    def has_validation(self) -> bool:
        return self.validation is not None

    def gives(self, dtype: DType) -> bool:
        return dtype == "int64"

    def shape_for(self, input: Sizes) -> tuple[int | None, ...]:
        size = input[0] if len(input) == 1 and isinstance(input[0], int) else None
        return (self.length or size,)

    def facts(self) -> Facts:
        both = self.bpe is not None and self.tokenizer is not None  # which of them is meant nobody knows
        tokens = (None if both else self.bpe or self.vocabulary) if self.encoded else BYTES
        return Facts((self.length,), tokens, dtype="int64")

    def problems(self) -> list[Problem]:
        found: list[Problem] = []
        if self.bpe is not None and self.tokenizer is not None:
            message = f"`bpe: {self.bpe}` makes an encoding of the training text, but `tokenizer` names one"
            found.append(Problem(message, "recipe-conflict", "bpe", help="leave out one of the two"))
        if self.vocabulary is not None and self.tokenizer is None:
            said = f"`bpe` says {self.bpe}" if self.bpe is not None else f"bytes are {BYTES}"
            message = f"`vocabulary: {self.vocabulary}` counts the tokens of a `tokenizer`, and none is named: {said}"
            help_ = "leave it out; `bpe: 4096` makes an encoding of 4096 tokens from the text"
            found.append(Problem(message, "recipe-conflict", "vocabulary", help=help_))
        return found
