"""Text in files of UTF-8, as tokens: read, divided, and encoded."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from netspec.diagnostics import ResourceError
from netspec.recipe.base import DataSet
from netspec.recipe.datasets.text import Text
from netspec.trainer.data.blocks import Blocking
from netspec.trainer.data.fingerprint import Files, hash_of_files
from netspec.trainer.data.parts import Part, Parts, Request, damaged, located
from netspec.trainer.data.tokens import Bytes, Tokens, read_encoding, train_encoding


def read(data: Text, request: Request) -> Parts:
    """Read the files that a recipe names under `text:`.

    Raises:
        MissingExtra: there is a tokenizer, and the library `tokenizers` is not installed.
        ResourceError: a file is missing, no UTF-8, or a part has no whole block.
    """
    named = {"train": data.train, "validation": data.validation, "test": data.test}
    files = {part: _found(given, request.base) for part, given in named.items() if given is not None}
    texts = {part: [read_text(path) for path in paths] for part, paths in files.items()}
    origins = {part: _origin(paths) for part, paths in files.items()}
    if request.recipe.validation > 0:
        texts["train"], texts["validation"] = _divided(texts["train"], request.recipe.validation)
        origins["validation"] = f"the last {request.recipe.validation:g} of {origins['train']}"
    tokens = _tokens(data, texts["train"], request)
    length = request.input.shape[0]
    assert isinstance(length, int), "a net that trains has numbers for sizes"
    parts = {
        part: _part(part, of, origins[part], tokens, Blocking(length, data.offset and part == "train"))
        for part, of in texts.items()
    }
    return Parts(
        parts["train"], parts.get("test"), parts.get("validation"),
        classes=tokens.size, kept=tokens.file, notes=_notes(data, tokens, files),
        hash=lambda: _hash(files, tokens),
    )  # fmt: skip


# ---- files


def _found(given: str | tuple[str, ...], base: Path | None) -> list[Path]:
    """The files that paths and patterns name: those of a pattern in the order of their names, each once.

    Raises:
        ResourceError: one names none.
    """
    names = (given,) if isinstance(given, str) else given
    return list(dict.fromkeys(path for name in names for path in _matches(name, base)))


def _matches(name: str, base: Path | None) -> list[Path]:
    path = located(name, base)
    if path.is_file():
        return [path]
    if path.is_dir():
        raise damaged(path, "is a folder", f"name its files, as in `{name.rstrip('/')}/*.txt`")
    roots = (base, Path()) if base is not None else (Path(),)
    for root in roots:
        if found := sorted(glob.glob(name, root_dir=root, recursive=True)):  # noqa: PTH207  # a pattern may be absolute
            paths = [root / one for one in found]
            if files := [path for path in paths if path.is_file()]:
                return files
    if glob.has_magic(name):
        raise ResourceError(f"no file matches `{name}`; the pattern counts from `{(base or Path()).absolute()}`")
    raise ResourceError(f"there is no file `{path}`; the path counts from `{(base or Path()).absolute()}`")


def read_text(path: Path) -> str:
    """The text of a file of UTF-8, its line ends as they are.

    Raises:
        ResourceError: it cannot be read, or is none; the message has the offset of the first wrong byte.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise damaged(path, f"cannot be read: {error.strerror or error}", "check its permissions") from None
    return decoded(content, path)


def decoded(content: bytes, path: str | os.PathLike[str]) -> str:
    """Bytes of UTF-8 as text; `path` is where they are from.

    Raises:
        ResourceError: they are none; the message has the offset of the first wrong one.
    """
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        at = error.start
        line = content.count(b"\n", 0, at) + 1
        reason = f"is no UTF-8: the byte at offset {at:,} (line {line:,}) is 0x{content[at]:02x}"
        raise damaged(path, reason, "convert it, as `iconv -f latin1 -t utf-8` does from Latin-1") from None


def _origin(paths: Sequence[Path]) -> str:
    """The files of a part, for messages."""
    return f"`{paths[0]}`" + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")


def _hash(files: Mapping[str, Sequence[Path]], tokens: Tokens) -> str:
    """The fingerprint of the files, and of the tokens if these are no bytes."""
    found = hash_of_files(files["train"][0], {part: _names(paths) for part, paths in files.items()})
    if tokens.file is None:
        return found
    return hashlib.sha256(f"{found}\n{tokens.file}".encode()).hexdigest()


def _names(paths: Sequence[Path]) -> Files:
    """The files of a part, each under its path below the folder that all are in."""
    folder = os.path.commonpath([path.absolute().parent for path in paths])
    return {os.path.relpath(path.absolute(), folder): path for path in paths}


# ---- tokens


def tokens_of(data: DataSet, kept: Path) -> Tokens:
    """The tokens of a run: bytes, or those of the file that it keeps.

    Raises:
        MissingExtra: the library `tokenizers` is needed and not installed.
        ResourceError: the file is missing or damaged.
    """
    return read_encoding(kept) if data.encoded else Bytes()


def _tokens(data: Text, train: Sequence[str], request: Request) -> Tokens:
    """The tokens of a recipe: those that the run keeps, if it does."""
    if not data.encoded or request.kept is not None:
        return tokens_of(data, request.kept or Path())
    if data.tokenizer is not None:
        path = located(data.tokenizer, request.base)
        known = read_encoding(path)
        if data.vocabulary is not None and known.size != data.vocabulary:
            reason = f"has {known.size:,} tokens, but the recipe says `vocabulary: {data.vocabulary}`"
            raise damaged(path, reason, f"write {known.size}")
        return known
    assert data.bpe is not None
    return train_encoding(train, data.bpe)


def _divided(texts: Sequence[str], share: float) -> tuple[list[str], list[str]]:
    """The first part of some texts and the last one, which has this share of their characters."""
    rest = round(sum(map(len, texts)) * (1 - share))
    first: list[str] = []
    last: list[str] = []
    for text in texts:
        first += [text[:rest]] * (rest > 0)
        last += [text[rest:]] * (rest < len(text))
        rest = max(rest - len(text), 0)
    return first, last


def _part(name: str, texts: Sequence[str], origin: str, tokens: Tokens, blocking: Blocking) -> Part:
    """A part of the text as tokens.

    Raises:
        ResourceError: it has no whole block.
    """
    encoded: list[Tensor] = [tokens.encode(text) for text in texts]
    whole = torch.cat(encoded) if encoded else torch.empty(0, dtype=torch.uint8)
    count = blocking.count(len(whole))
    if not count:
        kind = "bytes" if tokens.file is None else "tokens"
        has = f"{len(whole):,} {kind}" if len(whole) else "no text"
        takes = (
            f"a block of {blocking.length} that begins elsewhere in every epoch takes {blocking.least:,}"
            if blocking.offset
            else f"a block of {blocking.length} and the token behind it take {blocking.least:,}"
        )
        raise ResourceError(
            f"{origin} has {has} for {name}, but {takes}; give more text, or a net with a shorter input"
        )
    return Part(whole, torch.empty(count, 0), (blocking.length,), origin, blocks=blocking)


def _notes(data: Text, tokens: Tokens, files: Mapping[str, Sequence[Path]]) -> tuple[str, ...]:
    """Notes for the user: an encoding with fewer tokens than asked for, and text that is in two parts."""
    notes: list[str] = []
    if data.bpe is not None and tokens.size < data.bpe:
        notes.append(f"note: the training text has pairs for {tokens.size:,} tokens, not for the {data.bpe:,} of `bpe`")
    train = {path.resolve() for path in files["train"]}
    for part, paths in files.items():
        both = next((path for path in paths if path.resolve() in train), None)
        if part != "train" and both is not None:
            notes.append(f"note: `{both}` is both training and {part} text")
    return tuple(notes)
