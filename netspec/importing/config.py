"""A `config.json` of Hugging Face's transformers: read as data, and written as the spec of the same network."""

from __future__ import annotations

import json
import re
from importlib import import_module
from typing import Any, Final, NamedTuple, cast

from pydantic import ValidationError

from netspec.compiler import loads
from netspec.diagnostics import Code, NetspecError, did_you_mean
from netspec.errors import SpecError
from netspec.importing.base import Configuration
from netspec.importing.keys import misspelt, passed_over
from netspec.views.describe import count_text

LARGEST: Final = 2**20
"""Bytes of a file. A configuration of a thousand labels has a tenth of that."""

FAMILIES: Final = {
    "bart": ("encoder_decoder", "Bart"),
    "bert": ("bert", "Bert"),
    "distilbert": ("bert", "DistilBert"),
    "gpt2": ("gpt2", "GPT2"),
    "llama": ("llama", "Llama"),
    "mistral": ("llama", "Mistral"),
    "mixtral": ("mixtral", "Mixtral"),
    "qwen2": ("llama", "Qwen2"),
    "t5": ("t5", "T5"),
    "vit": ("vit", "ViT"),
    "whisper": ("encoder_decoder", "Whisper"),
}
"""For each `model_type`, the module and the class that read it."""


class NotImportable(NetspecError):
    """What is to be imported is damaged, or says something that a spec cannot; the message names each such key."""

    code: Code = "not-importable"


class ImportedSpec(NamedTuple):
    """A spec, and how many parameters its network has."""

    text: str
    params: int
    notes: tuple[str, ...]
    """What of the file was passed over, and what it leaves to the defaults of transformers."""


def from_config(text: bytes, name: str | None = None) -> ImportedSpec:
    """The spec of the network that a `config.json` describes.

    Args:
        text: the file.
        name: of the network; its `model_type` if left out.

    Raises:
        NotImportable: the file is damaged, its family is not known, or it says what a spec cannot.
    """
    written = _parsed(text)
    found = _read(written)
    refused = list(found.refused())
    if refused:
        raise NotImportable("\n".join(["the spec would be another network:", *(f"  {line}" for line in refused)]))
    body = found.spec(re.sub(r"\W+", "_", name or "", flags=re.ASCII).strip("_") or found.model_type)
    try:
        params = loads(body).params
    except SpecError as error:
        first = next(d for d in error.diagnostics if d.severity == "error")
        raise NotImportable(f"its numbers do not make a network: {first.message}") from None
    assert isinstance(params, int)
    titled = f"# {found.title()}, from a config.json: {count_text(params)} parameters.\n{body}"
    return ImportedSpec(titled, params, tuple(passed_over(type(found), written)))


def _parsed(text: bytes) -> dict[str, Any]:
    if len(text) > LARGEST:
        raise NotImportable(f"the file has {len(text):,} bytes; a `config.json` has at most {LARGEST:,}")
    try:
        found: Any = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise NotImportable(
            f"this is no JSON, as a `config.json` of Hugging Face's is: {error}; `netspec import --help` lists what "
            "else is read, and by which names"
        ) from None
    if not isinstance(found, dict):
        raise NotImportable("a `config.json` holds one object, `{…}`, and this one does not")
    return cast("dict[str, Any]", found)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, whose keys stand in it once: JSON leaves open which of two counts."""
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made and made[key] != value:
            both = " and ".join(json.dumps(each)[:40] for each in (made[key], value))
            raise NotImportable(f"`{key[:64]}` stands there twice, with {both}")
        made[key] = value
    return made


def _near(kind: str) -> str | None:
    """The known `model_type` that is spelled like this one. Others that share a name and differ in a number or an affix
    are families of their own: a `qwen3` is no `qwen2`."""
    near = did_you_mean(kind, FAMILIES)
    if near is None or abs(len(near) - len(kind)) > 1 or near[0] != kind[0].lower():
        return None
    return near if re.sub(r"\D", "", near) == re.sub(r"\D", "", kind) else None


def _read(found: dict[str, Any]) -> Configuration:
    kind = found.get("model_type")
    if not isinstance(kind, str) or kind not in FAMILIES:
        known = ", ".join(f"`{name}`" for name in FAMILIES)
        if kind is None:
            raise NotImportable(f"it has no `model_type`; those that are known are {known}")
        near = _near(str(kind))
        hint = f"; did you mean `{near}`?" if near else ""
        raise NotImportable(f"no spec is known for `model_type: {str(kind)[:64]}`, but for {known}{hint}")
    try:
        reader = family(kind)
        if wrong := [*reader.said_twice(found), *misspelt(reader, found)]:
            raise NotImportable("\n".join(wrong))
        return reader.model_validate(reader.by_its_keys(found))
    except ValidationError as error:
        found_wrong = ((".".join(map(str, item["loc"])), json.dumps(item["input"])) for item in error.errors())
        lines = [f"  `{key}` cannot be {value[:40]}" for key, value in found_wrong]
        raise NotImportable("\n".join([f"the configuration of a `{kind}` is wrong:", *lines])) from None


def family(kind: str) -> type[Configuration]:
    """The class that reads the configurations of a known `model_type`."""
    module, name = FAMILIES[kind]
    found: type[Configuration] = getattr(import_module(f"netspec.importing.{module}"), name)
    return found
