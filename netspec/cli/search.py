"""A small index of what `netspec explain` explains: names found by what they mean, in several words.

Every thing has phrases: sentences of its own explanation, and what other tools and people say of it. A query is held
against each phrase: what is common to both, as a share of the query and of the phrase, a word weighing the more the
fewer things it is said of. A word counts as its stem; one that nothing says, as the most similar that something does.
"""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Final, NamedTuple

_COMMON: Final = frozenset(
    re.findall(
        r"\w+",
        """a an the is are was be been of in on at to for from by with as and or but it its this that these those there
        here i my me we us you your do does did what which who how why when where can could will would should must may
        has have had if than then so into out up error runtime get got gives give""",
    )
)
"""Words that say nothing of what is meant."""
_WORD: Final = re.compile(r"[a-z]+(?:\d+d)?|\d+d")
_WHOLE: Final = 0.4
"""What being said anywhere weighs, beside being said in one phrase."""
LEAST: Final = 0.08
"""The score from which on a thing is an answer at all."""


class Hit(NamedTuple):
    """A thing that a query may mean."""

    name: str
    score: float
    """From 0 to 1 + `_WHOLE`."""


class Index:
    """Things by name, each with the phrases that are said of it."""

    def __init__(self, phrases: Mapping[str, Iterable[str]]) -> None:
        self._phrases: Final = {
            name: [words for text in (name, *texts) if (words := frozenset(stems(text)))]
            for name, texts in phrases.items()
        }

    @cached_property
    def _said_of(self) -> Counter[str]:
        """Of how many things each word is said."""
        return Counter(word for of in self._phrases.values() for word in frozenset[str]().union(*of))

    def _weight(self, word: str) -> float:
        return math.log(1 + len(self._phrases) / self._said_of[word])

    def _sum(self, words: Iterable[str]) -> float:
        return math.fsum(map(self._weight, words))  # the same in whichever order a set has its words

    def nearest(self, query: str, most: int = 3) -> list[Hit]:
        """The things that a query most likely means, the likeliest first; those of the same score in their order."""
        words = {known for word in stems(query) if (known := self._known(word)) is not None}
        whole = self._sum(words)
        if not words:
            return []
        hits = [Hit(name, self._score(words, whole, of)) for name, of in self._phrases.items()]
        return sorted((hit for hit in hits if hit.score >= LEAST), key=lambda hit: -hit.score)[:most]

    def _score(self, words: set[str], whole: float, of: list[frozenset[str]]) -> float:
        common = self._sum(words & frozenset[str]().union(*of))
        if not common:
            return 0
        best = max(self._sum(words & phrase) ** 2 / (whole * self._sum(phrase)) for phrase in of)
        return best + _WHOLE * common / whole

    def _known(self, word: str) -> str | None:
        if word in self._said_of:
            return word
        return next(iter(difflib.get_close_matches(word, list(self._said_of), n=1, cutoff=0.8)), None)


def stems(text: str) -> list[str]:
    """The words of a text without their endings; neither numbers nor words that say nothing."""
    bare = re.sub(r"\b(?:Runtime|Value|Type)Error\b", " ", re.sub(r"\bcan't\b|n't\b", " not", text))
    whole = re.sub(r"\b(in|out)_", r"\1put ", bare)  # `in_channels`: the channels of the input
    apart = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", whole)
    return [stem(word) for word in _WORD.findall(apart.lower()) if len(word) > 1 and word not in _COMMON]


def stem(word: str) -> str:
    """A word without its ending: `multiplied` and `multiplies` are one, and so are `sizes` and `size`."""
    for ending, instead in (("ies", "y"), ("ied", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch")):
        if word.endswith(ending) and len(word) > 4:
            return word[: -len(ending)] + instead
    for ending in ("ing", "ed", "s"):
        if word.endswith(ending) and not word.endswith("ss") and len(word) > len(ending) + 3:
            word = word[: -len(ending)]
            if ending != "s" and word[-1] == word[-2] and word[-1] not in "ls":  # `stopped`
                word = word[:-1]
            break
    return word.removesuffix("e") if len(word) > 3 else word
