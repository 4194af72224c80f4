"""Nodes → checked arguments. The one place where pydantic's errors become diagnostics.

A `Reader` belongs to one elaboration: it knows the source, the names in scope and where diagnostics go. It turns the
node under `Conv2d:`, `SGD:` or `Resize:` into an instance of the model of that name, evaluating expressions on the
way, or reports why it cannot.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple, Protocol, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from netspec.arguments import Arguments, Words, text_of
from netspec.diagnostics import Code, Diagnostic, Edit, Fix, Related, Severity, Span, did_you_mean
from netspec.dims import UNKNOWN, Dim
from netspec.expressions import ExpressionError, NeedsNumber, parse
from netspec.meant import NUMBER, SAID, meant_call, python_call, readings
from netspec.plans import Plan, make_plan
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source
from netspec.text.traps import argument_trap, flow_trap
from netspec.writing import shown

if TYPE_CHECKING:
    from pydantic import TypeAdapter

A = TypeVar("A", bound=Arguments)


class Failed:
    """The value of something that was already reported. Whoever meets it gives up in silence."""

    def __repr__(self) -> str:
        return "FAILED"


FAILED: Final = Failed()
_NOTHING: Final[Mapping[str, str]] = {}


class Wish(NamedTuple):
    """A field that wants a value: its key, the thing whose argument it is (None for a key of its own), and its type
    or the model that has it."""

    key: str
    owner: str | None
    kind: Any

    @property
    def annotation(self) -> Any:
        """Its type with everything that is checked of it."""
        kind: Any = self.kind
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return _whole_annotation(kind, self.key)
        return self.kind

    @property
    def subject(self) -> str:
        """The field as a message names it."""
        return f"`{self.key}`" if self.owner is None else f"`{self.key}` of `{self.owner}`"


class Names(Protocol):
    """The names that an expression may use where it stands."""

    def __getitem__(self, name: str, /) -> object: ...

    def known(self) -> Iterable[str]:
        """Every name in scope, for suggestions."""
        ...

    def hint(self, name: str) -> str | None:
        """Why a name is not in scope where it might be expected to be, or None."""
        ...


class Reader:
    """Reads nodes under one set of names. `names` and `trail` change as elaboration enters and leaves blocks."""

    def __init__(self, source: Source, names: Names) -> None:
        self.source = source
        self.names = names
        self.trail: Callable[[], tuple[Related, ...]] = tuple
        """Gives the block calls that led here, innermost first: every diagnostic ends with them."""
        self.marks: list[tuple[Span, str]] = []
        """Places in whose stead something else is read, each with the `--set` that says so."""
        self.plain = False
        """True in a recipe: there a word is seldom a misspelt variable, and is held against what its key wants."""
        self.diagnostics: list[Diagnostic] = []
        self._seen: set[tuple[str, Span]] = set()
        self._bare: dict[type[Arguments], Any] = {}
        """Things without arguments: one instance serves all, since instances are frozen."""
        self._plans: dict[tuple[int, type[Arguments]], Plan[Any] | None] = {}

    # ---- reporting

    def report(
        self,
        code: Code,
        message: str,
        at: Node | Span,
        *,
        related: Iterable[Related] = (),
        help: str | None = None,
        fix: Fix | None = None,
        severity: Severity = "error",
        label: str = "",
    ) -> None:
        """Add a diagnostic, once for each code and place: a block that is called fifty times is wrong once."""
        span = at if isinstance(at, Span) else self.source.span(at)
        if (code, span) in self._seen:
            return
        self._seen.add((code, span))
        places = tuple(self._overridden(place) for place in (*related, *self.trail()))
        for mark, setting in self.marks:
            if _covers(mark, span):  # the file is innocent: nothing in it is to be edited
                places, fix = (Related(f"overridden by `{setting}`", mark), *places), None
                break
        if span.in_setting:
            fix = None
        self.diagnostics.append(Diagnostic(code, message, span, severity, label, places, help, fix))

    def _overridden(self, place: Related) -> Related:
        """A place that matters, with the `--set` that puts something else there."""
        setting = next((setting for mark, setting in self.marks if _covers(mark, place.span)), None)
        return place if setting is None else Related(f"{place.message}, overridden by `{setting}`", place.span)

    def replace(self, title: str, node: Node, text: str) -> Fix:
        """A fix that writes `text` in the place of a node."""
        return Fix(title, (Edit(self.source.span(node), text),))

    # ---- values

    def evaluate(self, node: ScalarNode, *, free: bool = False, wish: Wish | None = None) -> Any:
        """The value of the expression in a scalar: FAILED once reported, UNKNOWN where it hangs on an unknown size.

        `free` says that any kind of value may stand here, a text too; `wish` says which kind is wanted.
        """
        text = node.text
        if node.quoted and (plain := _plain(text)) is not None:
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
        if not self.plain or wish is None or "$" in text:
            return False
        meant = next((v for v in readings(text) if _fits(wish.annotation, v)), None)
        if meant is None and flow_trap(self.source, node) is not None:
            return False
        if error.name is not None:
            known = [word for word in self.names.known() if not word[:1].isupper() or word.isupper()]
            misspelt = self.names.hint(text) is not None or did_you_mean(text, known) is not None
            if text != error.name or (misspelt and text.lower() not in SAID):
                return False
        elif error.code != "expression-syntax":
            return False
        wanted = _unmet(wish.annotation, text)
        if wanted is None:
            return False
        kind = {"truth": "neither", "number": "no number", "other": "none"}[wanted.kind]
        rest = ", nor a variable of this spec" if error.name is not None else ""
        self.report(
            "invalid-argument",
            f"{wish.subject} wants {wanted.text}, and `{text}` is {kind}{rest}",
            node,
            help=None if meant is None else f"write `{wish.key}: {shown(meant)}`",
        )
        return True

    def _expression_error(self, node: ScalarNode, error: ExpressionError, free: bool = False) -> None:
        trap = flow_trap(self.source, node)
        if trap is not None:
            self.report(trap.code, trap.message, node, help=trap.help, fix=trap.fix)
            return
        place = self.source.inside(node, error.start, max(error.end, error.start + 1))
        if error.name is not None:
            self.report(error.code, error.message, place, help=self._instead_of(error.name, node, free))
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

    def _instead_of(self, name: str, node: ScalarNode, free: bool) -> str | None:
        """What to write instead of a name that is not in scope."""
        if (hint := self.names.hint(name)) is not None:
            return hint
        if name.lower() in SAID:
            return f"YAML 1.2 reads `{name}` as text: write `{SAID[name.lower()]}`"
        known = list(self.names.known())
        if not free:  # a number is wanted: the CapWords name of a layer is none
            known = [word for word in known if not word[:1].isupper() or word.isupper()]
        near = did_you_mean(name, known)
        if free and node.text.strip() == name and (near is None or near[0].isupper() != name[0].isupper()):
            text = f"a text has quotes of its own: \"'{name}'\""
            return f"did you mean `{near}`? {text}" if near else text
        return f"did you mean `{near}`?" if near else None

    def value(self, node: Node, annotation: Any = None, wish: Wish | None = None) -> Any:
        """What a node means in a field of this annotation: numbers as they are, lists as tuples, text as an
        expression unless the field takes text. FAILED or UNKNOWN if any part is. `wish` names the field."""
        if isinstance(node, ScalarNode):
            if not isinstance(node.value, str):
                return node.value
            kind = text_of(annotation) if annotation is not None else None
            if kind == "text":
                return self._text(node)
            if isinstance(kind, Words) and node.text in kind.words:
                return node.text
            return _tuples(self.evaluate(node, wish=wish))
        if isinstance(node, ListNode):
            if (trap := flow_trap(self.source, node)) is not None:
                self.report(trap.code, trap.message, trap.span, help=trap.help, fix=trap.fix)
                return FAILED
            items = tuple(self.value(child, annotation, wish) for child in node.items)
            if any(v is FAILED for v in items):
                return FAILED
            return UNKNOWN if any(v is UNKNOWN for v in items) else items
        model = _model_of(annotation)
        result: dict[str, Any] = {}
        for key, child in node.entries:
            field = _fields(model).get(key.text) if model is not None else _value_of(annotation)
            value = self.value(child, field)
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
            value = self.names[node.text[1:]]
        except KeyError:
            near = did_you_mean(node.text[1:], self.names.known())
            self.report(
                "unknown-name",
                f"there is no variable `{node.text[1:]}` here",
                node,
                help=f"did you mean `${near}`?" if near else "`$name` in a text field stands for a variable",
            )
            return FAILED
        return value

    # ---- arguments

    def arguments(self, model: type[A], node: Node | None, *, name: str, at: Node) -> A | None:
        """The arguments that a node gives to the thing called `name`, whose head stands at `at`.

        Returns:
            The instance; None once a mistake has been reported or where an unknown size keeps it from being known.
            An unknown argument is reported and the rest is used, so that what follows is still checked.
        """
        if node is None or (isinstance(node, ScalarNode) and node.value is None):
            bare = self._bare.get(model)
            if bare is None and (bare := self._validate(model, {}, {}, name, at)) is not None:
                self._bare[model] = bare
            return bare
        if isinstance(node, ScalarNode):
            return self._scalar_argument(model, node, name, at)
        if isinstance(node, ListNode):
            self._list_arguments(model, node, name)
            return None
        key = (id(node), model)
        if key not in self._plans:
            self._plans[key] = make_plan(model, node, self.source, _fields(model))
        plan = self._plans[key]
        if plan is not None and (known := plan.instance(self.names)) is not None:
            return known
        if (trap := flow_trap(self.source, node)) is not None:
            self.report(trap.code, trap.message, trap.span, help=trap.help, fix=trap.fix)
            return None
        values: dict[str, Any] = {}
        nodes: dict[str, Node] = {}
        whole = True
        fields = _fields(model)
        for key, child in node.entries:
            if key.text not in fields:
                argument = self._unknown_argument(model, key, node, name)
                if argument is None or node.get(argument) is not None:
                    continue
            else:
                argument = key.text
            value = self.value(child, fields[argument], Wish(argument, name, model))
            nodes[argument] = child
            if value is FAILED or value is UNKNOWN:
                whole = False
            elif isinstance(value, Dim):
                self.needs_number(argument, value, child, name)
                whole = False
            else:
                values[argument] = value
        return self._validate(model, values, nodes, name, at, whole=whole)

    def call(
        self,
        node: Node,
        table: Mapping[str, str],
        load: Callable[[str], type[A]],
        *,
        kind: str,
        unknown: Code,
        elsewhere: Mapping[str, str] = _NOTHING,
    ) -> A | None:
        """One named thing with its arguments, `SGD: {lr: 0.01}`, `Resize: 224` or bare `CrossEntropyLoss`.

        `table` holds the names there are, `load` gives the model of one; `kind` says what it is ("optimizer"),
        and `unknown` is the code of a name that is none.
        `elsewhere` holds names that other libraries have, in lower case, each with the name in `table` or with advice.
        """
        if isinstance(node, ScalarNode) and isinstance(node.value, str):
            head, value = node, None
        elif isinstance(node, MapNode) and len(node.entries) == 1:
            head, value = node.entries[0]
        else:
            several = [key.text for key, _ in node.entries] if isinstance(node, MapNode) else []
            named = f": here are {' and '.join(f'`{n}`' for n in several)}" if len(several) > 1 else ""
            self.report(
                "wrong-form",
                f"{_an(kind)} is one name, or one name with its arguments{named}",
                node,
                help=f"for example `{next(iter(table))}`"
                if not named
                else f"keep one, as in `{{{several[-1]}: {{…}}}}`",
            )
            return None
        if head.text not in table:
            self._unknown_call(head, head is node, table, load, kind, unknown, elsewhere)
            return None
        return self.arguments(load(head.text), value, name=head.text, at=head)

    def _unknown_call(
        self,
        head: ScalarNode,
        alone: bool,
        table: Mapping[str, str],
        load: Callable[[str], type[Arguments]],
        kind: str,
        unknown: Code,
        elsewhere: Mapping[str, str],
    ) -> None:
        """Report a name that is not in the table; Python's `Adam(lr=0.1)` is answered with its mapping."""
        near, whole = meant_call(head.text, table, load, elsewhere)
        whole = whole if alone else near  # before a colon there is no room for a mapping
        if near is None:
            advice = elsewhere.get(python_call(head.text)[0].lower())
            help_ = advice or f"there are: {', '.join(sorted(table))}"
        else:
            help_ = f"did you mean `{near}`?" if whole == near else f"write `{whole}`"
        self.report(
            unknown,
            f"there is no {kind} `{head.text}`"
            + (": a name and its arguments are a mapping here" if whole != near else ""),
            head,
            help=help_,
            fix=self.replace(f"write `{whole}`", head, whole) if whole else None,
        )

    def scalar(self, node: Node, annotation: Any, *, name: str, owner: str | None = None) -> Any:
        """One typed value, for a key that takes a single field; FAILED once reported (or unknown). `owner` is the thing
        that the key stands beside, if it does."""
        value = self.value(node, annotation, Wish(name, None, annotation))
        if value is FAILED or value is UNKNOWN:
            return FAILED
        if isinstance(value, Dim):
            self.needs_number(name, value, node, owner)
            return FAILED
        try:
            return _adapter(annotation).validate_python(value, strict=True)
        except ValidationError as error:
            for item in error.errors(include_url=False):
                self.report("invalid-argument", f"`{name}` {_wish(item)}", _walk(node, item["loc"]))
            return FAILED

    # ---- the mistakes

    def _scalar_argument(self, model: type[A], node: ScalarNode, name: str, at: Node) -> A | None:
        if model.scalar is None:
            arguments = ", ".join(model.model_fields)
            self.report(
                "scalar-argument",
                f"`{name}` takes no bare value"
                + (f"; its arguments are {arguments}" if arguments else ", and no arguments"),
                node,
                help=f"write `{name}: {{{_with_value(model, node.text)}}}`" if arguments else f"write `{name}` alone",
            )
            return None
        value = self.value(node, _fields(model)[model.scalar], Wish(model.scalar, name, model))
        if value is FAILED or value is UNKNOWN:
            return None
        if isinstance(value, Dim):
            self.needs_number(model.scalar, value, node, name)
            return None
        return self._validate(model, {model.scalar: value}, {model.scalar: node}, name, at)

    def _list_arguments(self, model: type[Arguments], node: ListNode, name: str) -> None:
        written = self.source.text[node.start : node.end]
        if all(isinstance(item, ScalarNode) for item in node.items):  # in the place of another, the text is that one's
            written = f"[{', '.join(getattr(item, 'text', '') for item in node.items)}]"
        self.report(
            "list-argument",
            f"`{name}` cannot take a list: it could be one argument with several values, or several arguments",
            node,
            help=f"name the arguments: `{name}: {{{_with_list(model, node, written)}}}`"
            if model.model_fields and "\n" not in written
            else None,
        )

    def needs_number(self, argument: str, value: Dim, node: Node, owner: str | None) -> None:
        """Report a formula of symbols where only a number will do."""
        of = f" of `{owner}`" if owner is not None and owner != argument else ""
        self.report(
            "needs-number",
            f"`{argument}`{of} must be a number, but here it is the formula {value}",
            node,
            help="give the symbols numbers with `--set`, as in `--set H=224`",
        )

    def _unknown_argument(self, model: type[Arguments], key: ScalarNode, node: MapNode, name: str) -> str | None:
        """Report an argument that there is not. Returns the one that seems to be meant."""
        trap = argument_trap(self.source, key, node, name)
        if trap is not None:
            self.report(trap.code, trap.message, key, help=trap.help, fix=trap.fix)
            return None
        if key.text in model.omitted:
            self.report("omitted-argument", f"`{name}` has no `{key.text}` here: {model.omitted[key.text]}", key)
            return None
        near = did_you_mean(key.text, model.model_fields)
        known = ", ".join(f"`{f}`" for f in model.model_fields)
        self.report(
            "unknown-argument",
            f"`{name}` has no argument `{key.text}`",
            key,
            help=f"did you mean `{near}`?" if near else (f"its arguments are {known}" if known else "it takes none"),
            fix=self.replace(f"write `{near}`", key, near) if near and node.get(near) is None else None,
        )
        return near

    def _validate(
        self, model: type[A], values: dict[str, Any], nodes: dict[str, Node], name: str, at: Node, *, whole: bool = True
    ) -> A | None:
        try:
            instance = model.model_validate(values)
        except ValidationError as error:
            items = error.errors(include_url=False)
            missing = [str(i["loc"][0]) for i in items if i["type"] == "missing" and len(i["loc"]) == 1]
            self._missing([field for field in missing if field not in nodes], name, at)  # the others were reported
            for item in items:
                together = not item["loc"] and not whole  # a check of several arguments, one of which is not known
                if not together and (item["type"] != "missing" or len(item["loc"]) > 1):
                    self._invalid(item, model, nodes, name, at)
            return None
        return instance if whole else None

    def _missing(self, fields: list[str], name: str, at: Node) -> None:
        if fields:
            *others, last = [f"`{field}`" for field in fields]
            needs = f"{', '.join(others)} and {last}" if others else last
            written = ", ".join(f"{field}: …" for field in fields)
            self.report("missing-argument", f"`{name}` needs {needs}", at, help=f"write `{name}: {{{written}}}`")

    def _invalid(self, item: Any, model: type[Arguments], nodes: dict[str, Node], name: str, at: Node) -> None:
        loc: tuple[int | str, ...] = item["loc"]
        field = str(loc[0]) if loc else ""
        if item["type"] == "missing":
            where = _walk(nodes.get(field, at), loc[1:-1])
            missing = ".".join(str(part) for part in loc)
            self.report(
                "missing-argument", f"`{name}` needs `{missing}`", where, help=f"write `{name}: {{{missing}: …}}`"
            )
            return
        place = _walk(nodes[field], loc[1:]) if field in nodes else at
        if item["type"] == "extra_forbidden":
            self.report("unknown-argument", f"`{field}` of `{name}` has no `{loc[-1]}`", place)
        elif not loc:  # a check of several arguments together
            self.report("invalid-argument", f"`{name}`: {_wish(item)}", at)
        else:
            written = ".".join(str(part) for part in loc if isinstance(part, str))
            self.report(
                "invalid-argument",
                f"`{written}` of `{name}` {_wish(item)}",
                place,
                help=self._near(item, _fields(model)[field]),
            )

    def _near(self, item: Any, annotation: Any) -> str | None:
        """The word that is meant where another was given, or the variable of that name."""
        if item["type"] != "literal_error" or not isinstance(given := item.get("input"), str):
            return None
        near = did_you_mean(given, _literals(annotation))
        if near is None and given in self.names.known():
            near = f"${given}"
        return f"did you mean `{near}`?" if near else None


def _covers(mark: Span, span: Span) -> bool:
    return mark.file == span.file and mark[1:3] <= span[1:3] and span[3:] <= mark[3:]


_adapters: dict[int, tuple[Any, TypeAdapter[Any]]] = {}


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    """The validator of one annotation, made once. Annotations with metadata cannot be hashed, so the key is their
    identity, and they are kept alive beside the validator."""
    from pydantic import TypeAdapter  # a spec without mistakes and without a recipe needs none of it

    found = _adapters.get(id(annotation))
    if found is None:
        found = _adapters[id(annotation)] = (annotation, TypeAdapter(annotation))
    return found[1]


_annotations: dict[type[BaseModel], dict[str, Any]] = {}


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    """The annotations of a model's fields, with the word lists that pydantic moved into their metadata put back."""
    found = _annotations.get(model)
    if found is None:
        found = _annotations[model] = {
            name: _with_words(field.annotation, field.metadata) for name, field in model.model_fields.items()
        }
    return found


def _with_words(annotation: Any, metadata: list[Any]) -> Any:
    words = next((m for m in metadata if isinstance(m, Words)), None)
    return Annotated[annotation, words] if words else annotation


@cache
def _whole_annotation(model: type[BaseModel], name: str) -> Any:
    """The annotation of a model's field, with the metadata that pydantic took out of it: its validators."""
    field = model.model_fields[name]
    annotation: Any = field.annotation
    for extra in field.metadata:
        annotation = Annotated[annotation, extra]
    return annotation


def _first_needed(model: type[BaseModel]) -> list[str]:
    """The arguments that must be given, or the first if none must."""
    needed = [name for name, field in model.model_fields.items() if field.is_required()]
    return needed or list(model.model_fields)[:1]


def _with_value(model: type[Arguments], text: str) -> str:
    """The arguments of a call that was given one bare value: it is most likely meant for the first that is needed."""
    first, *others = [model.scalar] if model.scalar is not None else _first_needed(model)
    return ", ".join([f"{first}: {text}", *(f"{name}: …" for name in others)])


def _with_list(model: type[Arguments], node: ListNode, text: str) -> str:
    """The arguments of a call that was given a list: one argument where the first takes a list, else one for each."""
    first, *others = [model.scalar] if model.scalar is not None else _first_needed(model)
    plain = [item.value for item in node.items if isinstance(item, ScalarNode)]
    try:
        _adapter(_fields(model)[first]).validate_python(tuple(plain), strict=True)
        return ", ".join([f"{first}: {text}", *(f"{name}: …" for name in others)])
    except ValidationError:
        names = [name for name in model.model_fields if name != getattr(model, "width", None)]
        pairs = zip(names, (getattr(item, "text", "…") for item in node.items), strict=False)
        return ", ".join(f"{name}: {value}" for name, value in pairs)


class Wants(NamedTuple):
    """What a field takes, in words ("an integer of at least 1"), and of which kind that is."""

    text: str
    kind: Literal["number", "truth", "other"]


def _unmet(annotation: Any, text: str) -> Wants | None:
    """What a field wants that this text is not; None if it would take the text."""
    try:
        _adapter(annotation).validate_python(text, strict=True)
    except ValidationError as error:
        return _wanted(error.errors(include_url=False)[0])
    return None


def _fits(annotation: Any, value: object) -> bool:
    try:
        _adapter(annotation).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


def _tuples(value: Any) -> Any:
    """Lists of the expression language as the tuples that strict models want."""
    return tuple(_tuples(v) for v in value) if isinstance(value, (list, tuple)) else value  # pyright: ignore[reportUnknownVariableType]  # any values


def _an(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _plain(text: str) -> str | None:
    """What a quoted number, boolean or null would be without its quotes: "a number", ...; None for other text."""
    if re.fullmatch(NUMBER, text):
        return f"the number {text}"
    if text in ("true", "false", "True", "False"):
        return f"the boolean {text.lower()}"
    return None


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """The model that a field's mapping is read into, if it is one."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _literals(annotation: Any) -> list[str]:
    """The words that a field takes."""
    if get_origin(annotation) is Literal:
        return [word for word in get_args(annotation) if isinstance(word, str)]
    return [word for part in get_args(annotation) for word in _literals(part)]


def _value_of(annotation: Any) -> Any:
    args = get_args(annotation)
    return args[1] if len(args) == 2 else None


def _walk(node: Node, loc: Iterable[int | str]) -> Node:
    """The innermost node that a pydantic location leads to."""
    for part in loc:
        if isinstance(node, ListNode) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
        elif isinstance(node, MapNode) and isinstance(part, str) and (child := node.get(part)) is not None:
            node = child
    return node


def _wish(item: Any) -> str:
    """pydantic's error as the rest of a sentence that begins with the argument's name."""
    context = item.get("ctx", {})
    got = shown(item.get("input"))
    wanted = _wanted(item)
    match item["type"]:
        case "argument":
            return str(context["text"])
        case "value_error":
            return str(context["error"])
        case "too_long" | "too_short" if wanted is not None:
            return f"wants {wanted.text}, not {context['actual_length']} items"
        case _ if wanted is not None:
            return f"wants {wanted.text}, not {got}"
        case _:
            return f"is not right: {item['msg'].lower()} (it is {got})"


def _wanted(item: Any) -> Wants | None:
    """What the field of pydantic's error wants; None where it says what is wrong in words of its own."""
    context = item.get("ctx", {})
    match item["type"]:
        case "unwanted":
            return Wants(context["wish"], "number")
        case "literal_error":
            return Wants(context["expected"], "other")
        case "bool_type":
            return Wants("true or false", "truth")
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal" as type_:
            sign, bound = _BOUNDS[type_]
            return Wants(f"{sign} {context[bound]}", "number")
        case "too_long" | "too_short":
            return Wants(f"a list of {context.get('max_length', context.get('min_length'))}", "other")
        case type_:
            return _PLAIN.get(type_)


_BOUNDS: Final = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}
"""pydantic's errors about a bound: how it is said, and the key under which pydantic gives it."""

_PLAIN: Final = {
    "string_type": Wants("text", "other"),
    "int_type": Wants("an integer", "number"),
    "int_from_float": Wants("an integer", "number"),
    "float_type": Wants("a number", "number"),
    "finite_number": Wants("a finite number", "number"),
    "none_required": Wants("null", "other"),
    "tuple_type": Wants("a list", "other"),
    "list_type": Wants("a list", "other"),
    "dict_type": Wants("a mapping", "other"),
    "model_type": Wants("a mapping", "other"),
    "model_attributes_type": Wants("a mapping", "other"),
}
"""pydantic's errors about a type, and what the field wants."""
