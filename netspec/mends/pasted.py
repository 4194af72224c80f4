"""Networks that were pasted into a spec, or in the place of one: found in its text, and written as a list of layers."""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.language.reading import KEYS
from netspec.layers import OWN, Offer
from netspec.mends.calls import Manner, NoChain, WrittenItem, items_text
from netspec.mends.channels_last import InOrder
from netspec.mends.doubts import first_doubt
from netspec.mends.keras import is_keras
from netspec.mends.printed import as_calls
from netspec.mends.python import Follower
from netspec.mends.syntax import key_of
from netspec.text.source import Source

if TYPE_CHECKING:
    from netspec.mends.fitting import Conditions

LONGEST: Final = 50_000
"""Characters of a text that is read as Python."""
MOST_NODES: Final = 20_000
"""Nodes of a syntax tree that is followed."""


class ReadChain(NamedTuple):
    """A network as a list of layers."""

    entries: tuple[WrittenItem, ...]
    input: list[int] | None
    """The shape of one example, where the text says it."""
    certain: bool
    """Whether the text says all that the network does; what `print(net)` shows of a class is what it holds."""
    doubt: str | None = None
    """A piece of the text that is not carried over."""

    @property
    def said(self) -> str:
        """What is written of it, for the title of a mend."""
        layers = "layer" if len(self.entries) == 1 else f"{len(self.entries)} layers"
        order = "" if self.certain else ", in the order in which the class holds them"
        return f"write the {layers} as items{order}" + (f", without `{self.doubt}`" if self.doubt is not None else "")


def readings(text: str, offer: Offer) -> Iterator[list[WrittenItem]]:
    """The items that calls of layers stand for where items should stand, perhaps inside a `Sequential`: first with all
    arguments in torch's order, then without the width, which a spec leaves out."""
    found: list[list[WrittenItem]] = []
    text, name = _of_one_line(text)
    for widths in (True, False):
        try:
            made = list(chain_of(text, offer, free=True, widths=widths).entries)
        except NoChain:
            continue
        if name is not None and made:
            several = WrittenItem("sequential", inside=tuple(made), stateful=any(item.stateful for item in made))
            made = [(made[0] if len(made) == 1 else several)._replace(name=name)]
        if made and made not in found:
            found.append(made)
            yield made


def _of_one_line(text: str) -> tuple[str, str | None]:
    """A line of a class as a text of its own: `self.fc1 = nn.Linear(784, 128)` as its call and its name, and
    `x = F.relu(x)`, `torch.flatten(x, 1)` or `x.view(-1, 784)` as a `forward` that does no more."""
    tree = _tree(text)
    if tree is None or len(tree.body) != 1:
        return text, None
    statement, name, given = tree.body[0], None, None
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        key = key_of(statement.targets[0]) or ""
        name = key.removeprefix("self.") if key not in _TENSORS and key.removeprefix("self.").isidentifier() else None
        text, given = ast.unparse(statement.value), statement.value
    elif isinstance(statement, ast.Expr):
        given = statement.value
    if not isinstance(given, ast.Call) or name is not None:
        return text, name
    of = given.args if isinstance(given.func, ast.Call) and not given.keywords else []
    if [one.id for one in of if isinstance(one, ast.Name) and one.id in _TENSORS] and len(of) == 1:
        return ast.unparse(given.func), None  # `nn.Linear(128, 10)(x)`
    of = [*given.args[:1], *([given.func.value] if isinstance(given.func, ast.Attribute) else [])]
    tensor = next((each.id for each in of if isinstance(each, ast.Name) and each.id in _TENSORS), None)
    if tensor is None:
        return text, None
    return f"class Net(nn.Module):\n    def forward(self, {tensor}):\n        return {ast.unparse(given)}\n", None


_TENSORS: Final = frozenset(("x", "out", "input", "inputs", "X", "h", "y"))
"""What people call the value that flows."""


def chain_of(text: str, offer: Offer, *, free: bool = False, widths: bool = True) -> ReadChain:
    """The network that a text has, in Python or as `print(net)` shows it.

    Args:
        free: whether names may be those of the spec around it.
        widths: whether the first value of a call is the width, as torch has it.

    Raises:
        NoChain: it is no chain of layers, or it is no text of either kind.
    """
    printed = as_calls(text)
    tree = _tree(text if printed is None else printed.text)
    if tree is None:
        raise NoChain("")
    manner = Manner(offer, widths, is_keras(tree), free, printed is not None)
    follower = Follower(manner)
    try:
        entries = follower.network(tree)
    except RecursionError:
        raise NoChain("more than can be followed") from None
    given, doubts = follower.input, follower.doubts
    if manner.keras:
        order = InOrder(offer, given, entries)
        entries = order.written(entries)
        given, doubts = order.input, [*doubts, *order.doubts]
    doubt = first_doubt(tree, keras=manner.keras) or next(iter(doubts), None)
    return ReadChain(entries, given, printed is None or printed.whole, doubt)


def _tree(text: str) -> ast.Module | None:
    """The syntax tree of a text, or of its lines as expressions of their own, commas forgotten."""
    if len(text) > LONGEST:
        return None
    lines = [re.sub(r"^\s*-\s+", "", line).strip() for line in text.strip().splitlines()]
    whole = "\n".join(line for line in lines if line)
    joined = re.sub(r"\)[ \t]*\n(?=[\w.]+\()", "),\n", whole)
    for form in (textwrap.dedent(text), f"(\n{joined.rstrip(',')},\n)", whole):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of escapes and comparisons in code that is not ours
                tree = ast.parse(form)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        return tree if sum(1 for _ in ast.walk(tree)) <= MOST_NODES else None
    return None


# ---- where it stands


class PastedAt(NamedTuple):
    """Where a text of Python stands in a file."""

    start: int
    end: int
    """Offsets of whole lines."""
    text: str
    """Without what is around it, a line for each of the file's, so that they are counted alike."""
    under_layers: bool
    has_input: bool
    lead: str
    """What stands in front of the first item in what is written: `layers:` and its line break, or nothing."""
    column: int
    """Where the dashes of the items stand."""
    line: int
    """The line of the file that the text begins in."""
    first: int
    """The offset where its text begins, behind `layers:` or a dash."""


_TOP: Final = re.compile(rf"(?:{'|'.join(KEYS)})[ \t]*:(?=[ \t]|$)")
_HINT: Final = re.compile(
    r"\bnn\.|\bSequential\b|^[ \t]*class \w+\(|\(\w+\): \w+\(|\bkeras\b|\blayers\.\w+\(|\b\w+\.add\(", re.MULTILINE
)
_BEGINS: Final = re.compile(
    r"(?:import|from|class|def|for|if|with|print|net|model)\b|@|>>>|#|```|~~~|\"\"\"|"
    r"[\w.]+(?:, *\w+)* *(?:[=(+]|: *\w+ *=)|$"
)
"""How a line of Python begins, as none of a spec does."""


def place_of(source: Source) -> PastedAt | None:
    """Where Python stands in the place of a spec, or of its layers; None if it stands nowhere."""
    text = source.text
    if len(text) > LONGEST or not _HINT.search(text):
        return None
    lines = text.splitlines(keepends=True)
    keys = [n for n, line in enumerate(lines) if _TOP.match(line)]
    layers = next((n for n in keys if _LAYERS.fullmatch(lines[n].rstrip())), None)
    part = _top(lines, keys) if layers is None else _below(lines, keys, layers)
    if part is None:
        return None
    starts = [*source.line_starts, len(text)]
    return PastedAt(
        start=starts[part.first],
        end=starts[part.last],
        text="".join(_cleaned(part.text(lines))),
        under_layers=layers is not None,
        has_input=any(lines[n].startswith("input") for n in keys),
        lead=part.lead,
        column=part.column,
        line=part.first + 1,
        first=starts[part.first] + part.cut,
    )


class _Part(NamedTuple):
    """Lines that are Python, the last excluded."""

    first: int
    last: int
    cut: int = 0
    """What stands in front of it in its first line, in characters."""
    lead: str = ""
    column: int = 2

    def text(self, lines: Sequence[str]) -> list[str]:
        """The lines, without what is around them."""
        own = list(lines[self.first : self.last])
        quote = own[0][self.cut : self.cut + 1]
        if quote in ("'", '"'):
            own[-1] = re.sub(rf"{quote}(?=\s*$)", "", own[-1])
        return [" " * self.cut + own[0][self.cut :].lstrip("\"'"), *own[1:]]


_LAYERS: Final = re.compile(r"layers[ \t]*:[ \t]*(?:(?P<scalar>[|>][-+]?)|(?P<printed>[\"']?[A-Z]\w*\())?[ \t]*(#.*)?")
"""The line of the layers, with what stands behind it: nothing, or how a network that is printed begins."""
_NAMED: Final = re.compile(r"\s+\w+: (?=[A-Z]\w*\($)")
"""What stands in front of a printed network that has a name: `net: Sequential(`."""
_DASHED: Final = re.compile(r" *- (?=[A-Z]\w*\($)")
"""What stands in front of a printed network among items: `- Sequential(`."""


def _top(lines: Sequence[str], keys: Sequence[int]) -> _Part | None:
    """Python in the place of a spec."""
    first = next((n for n in range(len(lines)) if _begins(lines, n, keys)), len(lines))
    part = _without_blanks(lines, first, next((n for n in keys if n > first), len(lines)))
    return None if part is None or re.match(r" *- ", lines[part.first]) else part._replace(lead="layers:\n")


def _below(lines: Sequence[str], keys: Sequence[int], layers: int) -> _Part | None:
    """Python under `layers`, or behind it; or an item that is a printed network."""
    part = _without_blanks(lines, layers + 1, next((n for n in keys if n > layers), len(lines)))
    head = _LAYERS.fullmatch(lines[layers].rstrip())
    if part is None or head is None:
        return None
    if head["printed"] is not None:  # `layers: Sequential(`
        return part._replace(first=layers, cut=head.start("printed"), lead="layers:\n")
    if head["scalar"] is not None:  # `layers: |`
        return part._replace(first=layers, cut=len(lines[layers].rstrip()), lead="layers:\n")
    for n in range(part.first, part.last):
        if (dashed := _DASHED.match(lines[n].rstrip())) is not None:
            return _Part(n, _closed(lines, n, part.last), dashed.end(), column=dashed.end() - 2)
    named = _NAMED.match(lines[part.first].rstrip())
    if named is not None:
        return part._replace(cut=named.end())
    return None if re.match(r" *- ", lines[part.first]) else part


def _without_blanks(lines: Sequence[str], first: int, last: int) -> _Part | None:
    """Lines without blank ones at either end; None if there are no others."""
    kept = [n for n in range(first, last) if lines[n].strip()]
    return _Part(kept[0], kept[-1] + 1) if kept else None


def _closed(lines: Sequence[str], first: int, last: int) -> int:
    """The line behind the one that closes the brackets of another one."""
    depth = 0
    for n in range(first, last):
        depth += lines[n].count("(") - lines[n].count(")")
        if depth == 0:
            return n + 1
    return last


def _begins(lines: Sequence[str], at: int, keys: Sequence[int]) -> bool:
    line = lines[at]
    return at not in keys and bool(line.strip()) and bool(_BEGINS.match(line))


def _cleaned(lines: Sequence[str]) -> Iterator[str]:
    """Lines without fences of Markdown and what is outside of them, and without the prompts of a session."""
    fences = [n for n, line in enumerate(lines) if re.match(r"\s*(```|~~~)", line)]
    inside = range(fences[0] + 1, fences[1]) if len(fences) == 2 else range(len(lines))
    prompts = any(re.match(r"\s*>>> ", line) for line in lines)
    for n, line in enumerate(lines):
        prompt = re.match(r"\s*(>>>|\.\.\.|In \[\d+\]:) ?", line)
        if n not in inside or n in fences or (prompts and prompt is None):
            yield "\n"
        else:
            yield line[prompt.end() :] or "\n" if prompt is not None else line


# ---- what to write


def mends_of_pasted(source: Source, offer: Offer | None, conditions: Conditions) -> Iterator[Fix]:
    """The layers of a network that was pasted, in the place of it; with an input where the spec has none."""
    place = place_of(source)
    if place is None:
        return
    try:
        chain = chain_of(place.text, offer or OWN)
    except NoChain:
        return
    if not chain.entries:
        return
    from netspec.mends.sizes import input_for  # which reads formulas

    indent = " " * place.column
    layers = place.lead + "".join(f"{indent}{line}\n" for line in items_text(chain.entries))
    tail = "" if place.end == len(source.text) else "\n" * (not source.text[: place.end].endswith("\n"))

    def written(given: str | None) -> tuple[Edit, ...]:
        head = "" if given is None else f"input: {given}\n"
        if head and place.under_layers:
            return (
                Edit(source.between(0, 0), head),
                Edit(source.between(place.start, place.end), layers + tail),
            )
        return (Edit(source.between(place.start, place.end), head + layers + tail),)

    if place.has_input:
        yield Fix(chain.said, written(None), chain.certain and chain.doubt is None)
        return
    found = input_for(chain.entries, chain.input, source, written, conditions)
    if found is not None:
        said = "" if found.fits is None else f"; {found.fits}"
        title = f"{chain.said}, for an input of {found.text}{said}"
        yield Fix(title, written(found.text), chain.certain and chain.doubt is None)


OF_PASTED: Final = frozenset({"yaml-syntax", "not-a-spec", "unknown-key", "missing-key", "wrong-form", "unknown-layer"})
"""Findings that a network of another language in the place of a spec may bring."""


def as_pasted(d: Diagnostic, fix: Fix | None, source: Source, offer: Offer | None) -> Diagnostic | None:
    """The finding about a network that was pasted, with its mend, or with what was found that is no chain of layers.
    None if no such network stands there."""
    place = place_of(source)
    if place is None:
        return None
    help_ = None if fix is not None else what_was_found(place.text, offer or OWN, place.line)
    if fix is None and help_ is None:
        return None
    first = source.text[place.first : place.end].split("\n", 1)[0].rstrip()
    where = "layers" if place.under_layers else "a spec"
    what = "Python" if as_calls(place.text) is None else "a printed network"
    return d._replace(
        message=f"{what} stands where {where} should stand",
        span=source.between(place.first + len(first) - len(first.lstrip()), place.first + len(first)),
        label="",  # which is about what YAML makes of it
        fix=fix,
        help=help_,
    )


def what_was_found(text: str, offer: Offer, line: int | None = None) -> str | None:
    """Why a text of Python is no list of layers; None if it is one, or is nothing of the kind.

    Args:
        line: the line of the file that the text begins in, if its lines are those of the file.
    """
    try:
        chain_of(text, offer)
    except NoChain as why:
        place = f" (line {why.line + line - 1})" if line is not None and why.line else ""
        found = f"netspec reads Python where it is a chain of layers, and found {why.found}{place}: {why.instead}"
        return found if why.found else None
    return None
