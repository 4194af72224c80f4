"""The arguments of one thing, from the node behind its name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from netspec.arguments import Arguments
from netspec.diagnostics import Code, is_misspelt
from netspec.dims import UNKNOWN, Dim
from netspec.kinds import FieldKind, kinds_of
from netspec.text.nodes import ListNode, MapNode, Node, ScalarNode
from netspec.text.traps import flow_trap
from netspec.validation import calls, mistakes
from netspec.validation.plans import Plan, make_plan
from netspec.validation.reports import Reports
from netspec.validation.values import FAILED, Names, Values, Wish

A = TypeVar("A", bound=Arguments)

_NOTHING: Final[Mapping[str, str]] = {}


class Reader(Values):
    """Reads nodes under one set of names; belongs to one elaboration, to whose reports it adds what it finds."""

    def __init__(self, reports: Reports, names: Names, *, plain: bool = False) -> None:
        super().__init__(reports, names, plain=plain)
        self._bare: dict[type[Arguments], Any] = {}
        """Things without arguments: one instance serves all, since instances are frozen."""
        self._plans: dict[tuple[int, type[Arguments]], Plan[Any] | None] = {}

    def at(self, names: Names) -> Reader:
        """The same reader under other names: what it has cached serves both."""
        other = Reader.__new__(Reader)
        known = other.__dict__
        known.update(self.__dict__)
        known["names"] = names
        return other

    def arguments(
        self, model: type[A], node: Node | None, *, name: str, at: Node, names: Names | None = None
    ) -> A | None:
        """The arguments that a node gives to the thing called `name`, whose head stands at `at`; under other names than
        the reader's, if `names` are given.

        Returns:
            The instance; None once a mistake has been reported or where an unknown size keeps it from being known.
            An unknown argument is reported and the rest is used, so that what follows is still checked.
        """
        if node is None or (isinstance(node, ScalarNode) and node.value is None):
            bare = self._bare.get(model)
            if bare is None and (bare := self._validate(model, {}, {}, name, at)) is not None:
                self._bare[model] = bare
            return bare
        if isinstance(node, ListNode) and (model.scalar is None or not model.takes_list):
            mistakes.no_list(self.reports, model, node, name)
            return None
        if isinstance(node, ScalarNode) and model.scalar is None:
            mistakes.no_bare_value(self.reports, model, node, name)
            return None
        if isinstance(node, (ScalarNode, ListNode)):
            assert model.scalar is not None
            reader = self if names is None else self.at(names)
            value = reader._number(node, Wish(model.scalar, name, kinds_of(model)[model.scalar]), name)
            if value is FAILED or value is UNKNOWN:
                return None
            return self._validate(model, {model.scalar: value}, {model.scalar: node}, name, at)
        key = (id(node), model)
        if key not in self._plans:
            self._plans[key] = make_plan(model, node, self.source)
        plan = self._plans[key]
        if plan is not None and (known := plan.instance(self.names if names is None else names)) is not None:
            return known
        if (trap := flow_trap(self.source, node)) is not None:
            self.report(trap.code, trap.message, trap.span, help=trap.help, fix=trap.fix)
            return None
        reader = self if names is None else self.at(names)
        nodes, torn = self._by_argument(model, node, name)
        return reader._given(model, nodes, name, at, torn)

    def _by_argument(self, model: type[Arguments], node: MapNode, name: str) -> tuple[dict[str, Node], set[str]]:
        """The nodes of a mapping, each under the argument that is meant; and the arguments whose key has the value in
        it, `out_channels=8`, so that their nodes say nothing."""
        nodes: dict[str, Node] = {}
        torn: set[str] = set()
        for key, child in node.entries:
            if key.text in model.model_fields:
                nodes[key.text] = child
                continue
            argument = mistakes.unknown_argument(self.reports, model, key, node, name, is_item=not self._plain)
            if argument is not None and node.get(argument) is None:
                nodes[argument] = child
                if not key.text.isidentifier() and isinstance(child, ScalarNode) and child.value is None:
                    torn.add(argument)
        return nodes, torn

    def _given(
        self, model: type[A], nodes: Mapping[str, Node], name: str, at: Node, torn: Collection[str] = ()
    ) -> A | None:
        values: dict[str, Any] = {}
        kinds = kinds_of(model)
        for argument, node in nodes.items():
            if argument in torn:
                continue
            value = self._number(node, Wish(argument, name, kinds[argument]), name)
            if value is not FAILED and value is not UNKNOWN:
                values[argument] = value
        return self._validate(model, values, nodes, name, at)

    def _number(self, node: Node, wish: Wish, owner: str | None) -> Any:
        """The value of a node in a field, where a formula of symbols will not do: FAILED once reported, or UNKNOWN."""
        value = self.value(node, wish)
        if isinstance(value, Dim) and value is not UNKNOWN:
            mistakes.needs_number(self.reports, wish.key, value, node, owner)
            return FAILED
        return value

    def _validate(
        self, model: type[A], values: dict[str, Any], nodes: Mapping[str, Node], name: str, at: Node
    ) -> A | None:
        whole = len(values) == len(nodes)
        try:
            instance = model.model_validate(values)
        except ValidationError as error:
            items = error.errors(include_url=False)
            missing = [str(i["loc"][0]) for i in items if i["type"] == "missing" and len(i["loc"]) == 1]
            unmet = [field for field in missing if field not in nodes]  # the others were reported
            mistakes.missing(self.reports, unmet, name, at)
            for item in items:
                together = not item["loc"] and not whole  # a check of several arguments, one of which is not known
                if not together and (item["type"] != "missing" or len(item["loc"]) > 1):
                    mistakes.invalid_argument(self.reports, item, model, nodes, name, at, self.names.known())
            return None
        return instance if whole else None

    def call(
        self,
        node: Node,
        table: Mapping[str, str],
        load: Callable[[str], type[A]],
        *,
        kind: str,
        unknown: Code,
        elsewhere: Mapping[str, str] = _NOTHING,
        missing: Sequence[str] = (),
    ) -> A | None:
        """One named thing with its arguments, `SGD: {lr: 0.01}`, `Resize: 224` or bare `CrossEntropyLoss`.

        `table` holds the names there are, `load` gives the model of one; `kind` says what it is ("optimizer"),
        and `unknown` is the code of a name that is none.
        `elsewhere` holds names that other libraries have, in lower case, each with the name in `table` or with advice;
        `missing` are plugins that the spec names and that are not here.
        """
        if isinstance(node, ScalarNode) and isinstance(node.value, str):
            head, value = node, None
        elif isinstance(node, MapNode) and calls.names_within(self.reports, node, table, load, kind, elsewhere):
            return None
        elif isinstance(node, MapNode) and len(node.entries) == 1:
            head, value = node.entries[0]
        else:
            calls.no_call(self.reports, node, table, load, kind)
            return None
        if head.text not in table and missing and head.text[:1].isupper() and head.text.isalnum():
            calls.call_of_plugin(self.reports, head, missing, table, kind, unknown)
            return None
        if head.text not in table:
            calls.unknown_call(self.reports, head, value, table, load, kind, unknown, elsewhere)
            return None
        return self.arguments(load(head.text), value, name=head.text, at=head)

    def scalar(self, node: Node, kind: FieldKind, *, name: str, owner: str | None = None) -> Any:
        """One value of a kind, for a key that takes a single field; FAILED once reported (or unknown). `owner` is the
        thing that the key stands beside, if it does."""
        value = self._number(node, Wish(name, None, kind), owner)
        if value is FAILED or value is UNKNOWN:
            return FAILED
        try:
            return kind.check(value)
        except PydanticCustomError as error:
            told = mistakes.refusal(kind, error.type, error.message(), value)
            whole = mistakes.whole_number(kind, value) if isinstance(node, ScalarNode) and node.value == value else None
            word = mistakes.word_meant(kind, value)
            if word is not None and is_misspelt(value, word):
                whole = word
            fix = None if whole is None else self.replace(f"write `{name}: {whole}`", node, whole)
            help_ = None if word is None else f"did you mean `{word}`?"
            self.report("invalid-argument", f"`{name}` {told}", node, help=help_, fix=fix)
            return FAILED

    def needs_number(self, argument: str, value: Dim, node: Node, owner: str | None) -> None:
        """Report a formula of symbols where only a number will do."""
        mistakes.needs_number(self.reports, argument, value, node, owner)
