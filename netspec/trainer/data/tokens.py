"""Text as tokens and back: bytes, or what a file of the library `tokenizers` says."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from netspec.diagnostics import MissingExtra
from netspec.extras import install
from netspec.recipe.datasets.text import BYTES
from netspec.trainer.data.parts import damaged


class Tokens(Protocol):
    """A way to write text as integers from 0 on."""

    size: int
    """How many there are."""
    file: str | None
    """The text of the `tokenizer.json` that says them; None for bytes."""

    def encode(self, text: str) -> Tensor:
        """The tokens of a text: uint8 or int32 (M,), on the host."""
        ...

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of some tokens. Bytes that are no UTF-8 become U+FFFD; those of a character that is not whole at the
        end are left out."""
        ...


class Bytes:
    """The bytes of UTF-8."""

    size = BYTES
    file: str | None = None

    def encode(self, text: str) -> Tensor:
        """See `Tokens.encode`."""
        written = text.encode()
        return torch.frombuffer(bytearray(written), dtype=torch.uint8) if written else torch.empty(0, dtype=torch.uint8)

    def decode(self, tokens: Sequence[int]) -> str:
        """See `Tokens.decode`."""
        return codecs.getincrementaldecoder("utf-8")("replace").decode(bytes(tokens))


class Encoding:
    """The tokens of a `tokenizer.json`.

    Args:
        file: its text.

    Raises:
        MissingExtra: the library is not installed.
        ValueError: it is none that the library reads.
    """

    def __init__(self, file: str) -> None:
        library = _library("a text with a `tokenizer`")
        try:
            self._tokenizer: Any = library.Tokenizer.from_str(file)
        except Exception as error:  # the library raises nothing narrower
            raise ValueError(str(error)) from None
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.file: str | None = file
        self.size = 1 + max(self._tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)

    def encode(self, text: str) -> Tensor:
        """See `Tokens.encode`."""
        return torch.tensor(self._tokenizer.encode(text, add_special_tokens=False).ids, dtype=torch.int32)

    def decode(self, tokens: Sequence[int]) -> str:
        """See `Tokens.decode`."""
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=False)).removesuffix("\ufffd")


def read_encoding(path: Path) -> Encoding:
    """The tokens that a `tokenizer.json` says.

    Raises:
        MissingExtra: the library is not installed.
        ResourceError: there is no such file, or it is another one.
    """
    mend = "write it with `tokenizers.Tokenizer.save`"
    try:
        return Encoding(path.read_bytes().decode())
    except OSError as error:
        raise damaged(path, f"cannot be read: {error.strerror or error}", mend) from None
    except ValueError as error:  # a UnicodeDecodeError is one
        raise damaged(path, f"is no tokenizer.json ({error})", mend) from None


def train_encoding(texts: Sequence[str], size: int) -> Encoding:
    """A byte-pair encoding of at most `size` tokens, all 256 bytes among them, made from texts.

    Equal texts give an equal encoding: pairs of equal counts are joined in the order of their tokens. Source: Sennrich,
    Haddow & Birch 2016, "Neural Machine Translation of Rare Words with Subword Units"; on bytes as in Radford et al.
    2019.

    Raises:
        MissingExtra: the library is not installed.
    """
    library = _library(f"`bpe: {size}`")
    tokenizer = library.Tokenizer(library.models.BPE())
    tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = library.decoders.ByteLevel()
    alphabet = sorted(library.pre_tokenizers.ByteLevel.alphabet())
    trainer = library.trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return Encoding(tokenizer.to_str())


def _library(what: str) -> Any:
    """The library `tokenizers`, whose types are none.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        return import_module("tokenizers")
    except ModuleNotFoundError as error:
        if error.name != "tokenizers":
            raise
        raise MissingExtra(f"{what} needs the library tokenizers", install("text")) from None
