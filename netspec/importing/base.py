"""What a family of networks is: the keys of its configuration that say something of the network, and its spec."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

Size = Annotated[int, Field(strict=True, ge=1, le=2**31)]
Depth = Annotated[int, Field(strict=True, ge=1, le=100_000)]
"""Of layers; a spec holds no more."""
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, le=1e12)]

ACTIVATIONS: Final = {
    "gelu": "GELU",
    "gelu_fast": "GELU: {approximate: tanh}",
    "gelu_new": "GELU: {approximate: tanh}",
    "gelu_pytorch_tanh": "GELU: {approximate: tanh}",
    "relu": "ReLU",
    "sigmoid": "Sigmoid",
    "silu": "SiLU",
    "swish": "SiLU",
    "tanh": "Tanh",
}
"""The layer for each name of an activation in transformers."""


class Configuration(BaseModel, ABC):
    """The configuration of one family. Keys that say nothing of the network are passed over; defaults are those of
    transformers."""

    # strict: a number that stands there as text is no number to transformers either; `model_type` is their own name
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, protected_namespaces=())

    heads_known: ClassVar[dict[str, str]]
    """The classes of transformers that a spec is known for, each with what it ends in; the first is taken where the
    configuration names none."""

    model_type: str
    architectures: list[str] | None = None
    pruned_heads: dict[str, Any] | list[Any] | None = None
    initializer_range: Positive = 0.02

    @property
    def architecture(self) -> str:
        """The class of transformers that the configuration is of."""
        return self.architectures[0] if self.architectures else next(iter(self.heads_known))

    @property
    def ending(self) -> str:
        """What that class ends in."""
        return self.heads_known[self.architecture]

    other_names: ClassVar[Mapping[str, str]] = {}
    """Names that transformers takes for a key, too, and the key."""

    @classmethod
    def by_its_keys(cls, found: Mapping[str, Any]) -> dict[str, Any]:
        """A configuration in which each key has its own name."""
        said = {own: found[name] for name, own in cls.other_names.items() if found.get(name) is not None}
        return dict(found) | {own: value for own, value in said.items() if found.get(own) is None}

    @classmethod
    def said_twice(cls, found: Mapping[str, Any]) -> Iterator[str]:
        """Why a configuration is refused that has two values for one key, under two names."""
        for name, own in cls.other_names.items():
            both = found.get(name), found.get(own)
            if None not in both and both[0] != both[1]:
                said = [f"`{key}: {str(value)[:40]}`" for key, value in zip((name, own), both, strict=True)]
                yield f"{said[0]} and {said[1]} are two names of one number: leave one out"

    def refused(self) -> Iterator[str]:
        """Whatever the configuration says that the spec cannot, each as a sentence that names the key."""
        if self.architecture not in self.heads_known:
            known = ", ".join(f"`{name}`" for name in self.heads_known)
            yield f"`architectures` has `{self.architecture}`; those that are known are {known}"
            return  # the rest depends on what it ends in
        if self.pruned_heads:
            layers = ", ".join(map(str, self.pruned_heads))[:40]
            yield f"`pruned_heads` takes heads out of some layers ({layers}), and the layers of a spec are all alike"
        yield from self.shared()
        yield from self.unsayable()

    def shared(self) -> Iterator[str]:
        """What of the keys of several families a spec cannot say."""
        yield from ()

    def title(self) -> str:
        """The class of transformers, for the comment at the top."""
        return self.architecture

    @abstractmethod
    def unsayable(self) -> Iterator[str]:
        """What of this family's own keys a spec cannot say."""

    @abstractmethod
    def spec(self, name: str) -> str:
        """The spec."""


class Labelled(Configuration):
    """What may end in as many scores as there are labels."""

    id2label: dict[str, Any] | None = None
    num_labels: Size | None = None

    @property
    def labels(self) -> int:
        """How many labels there are; two if nothing says so."""
        return self.num_labels or (2 if self.id2label is None else len(self.id2label))


class LanguageModel(Configuration):
    """What models of tokens have in common: a table of them at the beginning, and perhaps as many scores at the end."""

    tie_word_embeddings: bool = False
    is_causal: bool = True

    def shared(self) -> Iterator[str]:
        if not self.is_causal:
            yield "`is_causal: false` lets a token see those behind it, which in this family it does not"

    @property
    def linears_have_biases(self) -> bool:
        """Whether a `Linear` of the layers has a bias, which then begins as 0."""
        return True

    def table(self) -> list[str]:
        """The table, with a name where the scores share its weight."""
        tied = self.ending == "words" and self.tie_word_embeddings
        return ["  - Embedding: {num_embeddings: words, embedding_dim: width}", *(["    name: tokens"] if tied else [])]

    def after_the_layers(self, *positions: str) -> list[str]:
        """The last norm, the scores, and how weights begin, also those of the layers of positions."""
        scores = ["  - Linear: {out_features: words, bias: false}"] if self.ending == "words" else []
        if scores and self.tie_word_embeddings:
            scores.append("    tie: {weight: tokens.weight}")
        return ["  - $norm", *scores, *initial(self.initializer_range, *positions, biases=self.linears_have_biases)]


def initial(std: float, *positions: str, biases: bool = True, attention: bool = True) -> list[str]:
    """How weights begin: those of linear layers, of tables, and of the layers of positions are normally distributed, as
    are the projections of `SelfAttention`, where `attention` says that there is one."""
    normal = f"{{normal_: {{std: {text(std)}}}}}"
    told = () if std == 0.02 else positions  # they begin so by themselves
    return [
        "",
        "init:",
        f"  Linear: {{weight: {normal}{', bias: zeros_' if biases else ''}}}",
        *([f"  SelfAttention: {{in_proj_weight: {normal}, out_proj.weight: {normal}}}"] if attention else []),
        *(f"  {layer}: {normal}" for layer in ("Embedding", *told)),
    ]


def dropout(share: float) -> list[str]:
    """The item that drops this share, if it drops any."""
    return [f"Dropout: {text(share)}"] if share else []


def divides(whole: tuple[str, int], parts: tuple[str, int | None]) -> Iterator[str]:
    """Why two numbers are refused of which one must divide the other, if it does not."""
    if parts[1] is not None and whole[1] % parts[1]:
        yield f"`{parts[0]}: {parts[1]}` does not divide `{whole[0]}: {whole[1]}`"


def activation(key: str, name: str) -> Iterator[str]:
    """Why an activation is refused, if it is."""
    if name not in ACTIVATIONS:
        yield f"`{key}: {name}`: the activations that are known are {', '.join(f'`{one}`' for one in ACTIVATIONS)}"


def arguments(**given: Any) -> str:
    """Arguments in flow style, those that are None left out: `{num_heads: heads, bias: false}`."""
    written = {name: value for name, value in given.items() if value is not None}
    return f"{{{', '.join(f'{name}: {text(value)}' for name, value in written.items())}}}"


def text(value: Any) -> str:
    """A value as a spec writes it; text is an expression, or is flow style already."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def lines(*written: str | None) -> str:
    """Lines of a spec, those that are None left out."""
    return "\n".join(line for line in written if line is not None) + "\n"
