"""What a node means where one value stands: a number, a text, an expression, a list, a mapping."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol, cast

from netspec.diagnostics import Edit, Fix, as_near, did_you_mean, is_misspelt, is_sure
from netspec.dims import UNKNOWN
from netspec.expressions import Called, ExpressionError, NeedsNumber, parse
from netspec.kinds import FieldKind
from netspec.meant import NUMBER, SAID, readings
from netspec.text.nodes import ListNode, Node, ScalarNode
from netspec.text.traps import flow_trap
from netspec.validation.reports import Reports
from netspec.writing import shown


class Failed:
    """The value of something that was already reported. Whoever meets it gives up in silence."""

    def __repr__(self) -> str:
        return "FAILED"


FAILED: Final = Failed()


class Wish:
    """A field that wants a value: its key, the thing whose argument it is (None for a key of its own), its kind."""

    __slots__ = ("key", "kind", "owner")

    def __init__(self, key: str, owner: str | None, kind: FieldKind) -> None:
        self.key = key
        self.owner = owner
        self.kind = kind

    def inside(self, key: str) -> Wish | None:
        """What stands at a key of the field's mapping; None where nothing is known of it."""
        kind = self.kind.inside(key)
        return None if kind is None else Wish(f"{self.key}.{key}", self.owner, kind)


class Names(Protocol):
    """The names that an expression may use where it stands."""

    def __getitem__(self, name: str, /) -> object: ...

    def known(self) -> Iterable[str]:
        """Every name in scope, for suggestions."""
        ...

    def hint(self, name: str) -> str | None:
        """Why a name is not in scope where it might be expected to be, or None."""
        ...

    def instead(self, called: Called) -> str | None:
        """What to write instead of a call that expressions do not know, or None."""
        ...


class Values:
    """Evaluates nodes. `names` changes as elaboration enters and leaves blocks.

    With `plain`, as in a recipe, a word is seldom a misspelt variable: it is held against what its key wants.
    """

    def __init__(self, reports: Reports, names: Names, *, plain: bool = False) -> None:
        self.reports = reports
        self.source = reports.source
        self.report = reports.report
        self.replace = reports.replace
        self.names = names
        self._plain = plain

    def value(self, node: Node, wish: Wish | None = None) -> Any:
        """What a node means in a field: numbers as they are, lists as tuples, text as an expression unless the field
        takes text. FAILED or UNKNOWN if any part is. Without a `wish` no field is known."""
        if isinstance(node, ScalarNode):
            if not isinstance(node.value, str):
                return node.value
            if wish is not None and wish.kind.text:
                return self._text(node)
            if wish is not None and node.text in wish.kind.words:
                return node.text
            return _tuples(self.evaluate(node, wish=wish))
        if isinstance(node, ListNode):
            if (trap := flow_trap(self.source, node)) is not None:
                self.report(trap.code, trap.message, trap.span, help=trap.help, fix=trap.fix)
                return FAILED
            items = tuple(self.value(child, wish) for child in node.items)
            if any(v is FAILED for v in items):
                return FAILED
            return UNKNOWN if any(v is UNKNOWN for v in items) else items
        result: dict[str, Any] = {}
        for key, child in node.entries:
            value = self.value(child, wish and wish.inside(key.text))
            if value is FAILED or value is UNKNOWN:
                return value
            result[key.text] = value
        return result

    def _text(self, node: ScalarNode) -> Any:
        if not node.text.startswith("$"):
            return node.text
        if node.text.startswith("$$"):  # so that a text may begin with one
            return node.text[1:]
        try:
            return self.names[node.text[1:]]
        except KeyError:
            near = did_you_mean(node.text[1:], self.names.known())
            self.report(
                "unknown-name",
                f"there is no variable `{node.text[1:]}` here",
                node,
                help=f"did you mean `${near}`?" if near else "`$name` in a text field stands for a variable",
                fix=self.replace(f"write `${near}`", node, f"${near}") if near else None,
            )
            return FAILED

    # ---- expressions

    def evaluate(self, node: ScalarNode, *, free: bool = False, wish: Wish | None = None) -> Any:
        """The value of the expression in a scalar: FAILED once reported, UNKNOWN where it hangs on an unknown size.

        `free` says that any kind of value may stand here, a text too; `wish` says which kind is wanted.
        """
        text = node.text
        if node.quoted and (plain := _unquoted(text)) is not None:
            self.report(
                "quoted-value",
                f"'{text}' in quotes is text, and text here is an expression; {plain} is meant",
                node,
                help=f"write {text} without the quotes",
                fix=self.replace("remove the quotes", node, text),
            )
            return FAILED
        try:
            return parse(text).evaluate(self.names)
        except NeedsNumber as error:
            self.report(
                "needs-number", str(error), node, help="give the symbol a number with `--set`, as in `--set H=224`"
            )
        except ExpressionError as error:
            if not self._another_kind(node, error, wish):
                self._expression_error(node, error, free)
        return FAILED

    def _another_kind(self, node: ScalarNode, error: ExpressionError, wish: Wish | None) -> bool:
        """Report a word or a text that is no expression as a value of the wrong kind; True if it seems to be one."""
        text = node.text.strip()
        if not self._plain or wish is None or "$" in text:
            return False
        kind = wish.kind
        meant = next((v for v in readings(text) if kind.takes(v)), None)
        if meant is None and flow_trap(self.source, node) is not None:
            return False
        if error.name is not None:
            misspelt = self.names.hint(text) is not None or did_you_mean(text, self._variables()) is not None
            if text != error.name or (misspelt and text.lower() not in SAID):
                return False
        elif error.code != "expression-syntax":
            return False
        subject = f"`{wish.key}`" if wish.owner is None else f"`{wish.key}` of `{wish.owner}`"
        rest = ", nor a variable of this spec" if error.name is not None else ""
        word = did_you_mean(text, kind.words) if meant is None else None
        help_ = f"did you mean `{word}`?" if word is not None else f"write `{wish.key}: {shown(meant)}`"
        fix = None
        if word is not None and is_misspelt(text, word):
            fix = self.replace(f"write `{wish.key}: {word}`", node, word)
        self.report(
            "invalid-argument",
            f"{subject} wants {kind.wish}, and `{text}` is {kind.unlike}{rest}",
            node,
            help=None if meant is None and word is None else help_,
            fix=fix,
        )
        return True

    def _expression_error(self, node: ScalarNode, error: ExpressionError, free: bool) -> None:
        trap = flow_trap(self.source, node)
        if trap is not None:
            self.report(trap.code, trap.message, node, help=trap.help, fix=trap.fix)
            return
        place = self.source.inside(node, error.start, max(error.end, error.start + 1))
        if self.reports.has(error.code, place):  # a block that is called fifty times is wrong once
            return
        if error.name is not None:
            help_, near = self._instead_of(error.name, node, free)
            whole = node.quoted and place == self.source.span(node)  # with its quotes, which are to stay
            sure = near is not None and is_sure(error.name, near, self._variables())
            fix = None if near is None or whole else Fix(f"write `{near}`", (Edit(place, near),), sure)
            joined = _joined(node.text)
            if near is None and not node.quoted and joined in self._variables():
                fix = self.replace(f"write `{joined}`", node, joined)
            self.report(error.code, error.message, place, help=help_, fix=fix)
            return
        help_ = None if error.called is None else self.names.instead(error.called)
        if help_ is not None or error.help is not None:
            self.report(error.code, error.message, place, help=help_ or error.help)
            return
        dollar = re.search(r"\$\{?([A-Za-z_]\w*)\}?", node.text)
        if dollar is None or error.code != "expression-syntax":
            self.report(error.code, error.message, place)
            return
        plain = f"{node.text[: dollar.start()]}{dollar[1]}{node.text[dollar.end() :]}"
        fix = None if node.quoted else self.replace(f"write `{plain}`", node, plain)
        self.report(
            error.code, error.message, place, help=f"a name in an expression stands without `$`: `{plain}`", fix=fix
        )

    def _instead_of(self, name: str, node: ScalarNode, free: bool) -> tuple[str | None, str | None]:
        """What to write instead of a name that is not in scope, and the name that seems to be meant."""
        if (hint := self.names.hint(name)) is not None:
            return hint, None
        if name.lower() in SAID:
            return f"YAML 1.2 reads `{name}` as text: write `{SAID[name.lower()]}`", None
        if name.lower() in _ENDLESS:
            return "numbers of a spec are finite: a large one is `1e9`", None
        near = did_you_mean(name, self.names.known() if free else self._variables())
        if free and node.text.strip() == name and (near is None or near[0].isupper() != name[0].isupper()):
            text = f"a text has quotes of its own: \"'{name}'\""
            return (f"did you mean `{near}`? {text}" if near else text), None
        if near is None:
            return self._hyphened(name, node) or self._known(name), None
        alike = as_near(name, near, self._variables()) if near in self._variables() else [near]
        return f"did you mean {' or '.join(f'`{one}`' for one in alike[:3])}?", alike[0]

    def _hyphened(self, name: str, node: ScalarNode) -> str | None:
        """What `num-classes` means, which is a difference, where neither is known and both together may be a name."""
        whole = _joined(node.text)
        if not whole or not node.text.strip().startswith(f"{name}-"):
            return None
        if whole in self._variables():
            return f"`-` subtracts, and no name has one: did you mean `{whole}`?"
        return f"`-` subtracts, and no name has one: `vars: {{{whole}: …}}` defines `{whole}`"

    def _known(self, name: str) -> str:
        """What may stand in the place of a name that nothing is like."""
        known = [word for word in self._variables() if word[:1].islower()]
        listed = f"; known here: {', '.join(known[:5])}{', …' if len(known) > 5 else ''}" if known else ""
        return f"`vars: {{{name}: …}}` defines a number, and `as: {name}` beside an item names what it gives{listed}"

    def _variables(self) -> list[str]:
        """The names in scope that may be a number's: the CapWords name of a layer is none."""
        return [word for word in self.names.known() if not word[:1].isupper() or word.isupper()]


_ENDLESS: Final = ("inf", "infinity")
"""How people write what is above all numbers."""


def _joined(text: str) -> str:
    """`num_classes` for `num-classes`; an empty text for anything else."""
    text = text.strip()
    return text.replace("-", "_") if re.fullmatch(r"[^\W\d]\w*(?:-[^\W\d]\w*)+", text) else ""


def _tuples(value: Any) -> Any:
    """Lists of the expression language as the tuples that strict models want."""
    if not isinstance(value, (list, tuple)):
        return value
    items = cast("Sequence[Any]", value)
    if not any(issubclass(kind, (list, tuple)) for kind in set(map(type, items))):  # a row of a matrix, as a whole
        return tuple(items)
    return tuple(map(_tuples, items))


def _unquoted(text: str) -> str | None:
    """What a quoted number or boolean would be without its quotes: "the number 3", ...; None for other text."""
    if re.fullmatch(NUMBER, text):
        return f"the number {text}"
    if text in ("true", "false", "True", "False"):
        return f"the boolean {text.lower()}"
    return None
