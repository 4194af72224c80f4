"""`shared: NAME`: items that are one module; `tie`: a parameter that is one of an earlier layer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from netspec.diagnostics import Related, Span, did_you_mean
from netspec.dims import Shape
from netspec.language.cursor import Cursor, Keys
from netspec.language.items import Item
from netspec.language.names import child_name, filled
from netspec.language.spec import Spec
from netspec.language.words import module_named
from netspec.net import PARAMETRIZED, As, Combinator, Leaf, Node, Scope, Sequential, Tie, walk
from netspec.text.source import MapNode, ScalarNode
from netspec.text.source import Node as WrittenNode
from netspec.validation import Reader, Reports
from netspec.wiring import slots_inside


class Sharing:
    """What the bodies of a spec share. One for each walk."""

    def __init__(self, reports: Reports, spec: Spec) -> None:
        self.reports = reports
        self.spec = spec
        self.ties: Final = "tie" in spec.source.text
        """False where the text says of no parameter that it is another: then no layer is kept for it."""
        self._layers: dict[str, Leaf] = {}
        """The layers so far, by path."""
        self._single: dict[Span, str] = {}
        """The places of the items of which no other has the name, so far."""
        self._several: set[Span] = set()

    def name(self, item: Item, cursor: Cursor, reader: Reader) -> str | None:
        """The name under which an item is shared; None once reported."""
        node = item.options["shared"]
        name = child_name(node, reader, "shared")
        if name is None:
            return None
        home = cursor.context.home
        if name not in home.shared and name in home.keys.names:
            first = Related(f"the first `{name}`", home.keys.names[name])
            reader.report(
                "duplicate-name",
                f"the module `{name}` stands here already, and is not shared by these",
                node,
                related=[first],
                help="each call of a block that shares has a `name` of its own" if cursor.context.calls else None,
            )
            return None
        return name

    def inside(self, name: str, item: Item, cursor: Cursor) -> Cursor:
        """The cursor at which a shared item is read: its module stands in the body around, alone there, and what it
        names is known in it alone."""
        context, home = cursor.context, cursor.context.home
        again = context.again or name in home.shared
        keys = Keys(home.keys.prefix.removesuffix("."), only=name)
        if item.kind in ("repeat", "combinator"):
            context = context.within(context.scope.branch())
        return Cursor(keys, cursor.flow, context._replace(again=again))

    def take(self, name: str, item: Item, inner: Cursor, cursor: Cursor, reader: Reader, *, whole: bool = True) -> None:
        """Put what a shared item has become behind the cursor. What was reported in one that is not `whole` would tell
        it from others once more."""
        home, node = cursor.context.home, item.options["shared"]
        key = cursor.keys.next()
        span = self.reports.source.span(node)
        made = next((found for found in inner.nodes if isinstance(found, (Leaf, Sequential, Combinator))), None)
        if name in home.shared:
            self._several.add(home.keys.names[name])
            first, again = home.shared[name], True
            if first is not None and made is not None and whole:
                self._compare(name, first, made, node, reader)
        else:
            home.keys.names[name] = span
            self._single[span] = name
            home.shared[name], again = made if whole else None, False
        stand_in = None if not again and cursor.keys is home.keys else key
        for found in inner.nodes:  # arithmetic in front of it is an argument, names behind it are those of its results
            if made is not None and found is made:
                made = made._replace(again=again or cursor.context.again, stand_in=stand_in)
                found = made
            cursor.nodes.append(found)
        cursor.flow = inner.flow

    def _compare(self, name: str, first: Node, other: Node, at: WrittenNode, reader: Reader) -> None:
        found = difference(first, other)
        if found is not None:
            here, there, what, help_ = found
            reader.report(
                "shared-differs",
                f"`{name}` is one module, but {what} here {here} and at first {there}",
                at,
                related=[Related(f"the first `{name}`", first.span)],
                help=help_,
            )

    def warn_of_single_uses(self, left_out: Sequence[WrittenNode]) -> None:
        """Warn of what is shared with nothing, unless a `when` or a loop leaves items out: those may share it."""
        names = set(self._single.values())
        alone = [] if left_out else [(span, name) for span, name in self._single.items() if span not in self._several]
        meant: set[str] = set()
        for span, name in alone:
            near = did_you_mean(name, sorted(names - {name}))
            if name in meant:  # what another says that it may mean
                continue
            if near is not None:
                meant.add(near)
            self.reports.report(
                "shared-once", f"no other item is `shared: {name}`", span, severity="warning",
                help=f"write `name: {name}`, or the name that others share" if near is None
                else f"did you mean `{near}`, as another item is? Else write `name: {name}`",
            )  # fmt: skip

    # ---- ties

    def tied(self, leaf: Leaf, item: Item, cursor: Cursor, reader: Reader) -> Leaf:
        """A layer with what its item says of its parameters; it may be named by later ones."""
        node = item.options.get("tie")
        if node is not None and not isinstance(node, MapNode):
            reader.report(
                "wrong-form", "`tie` says which parameter is which, as a mapping", node,
                help="for example `tie: {weight: tokens.weight}`, of the layer with `name: tokens`",
            )  # fmt: skip
        elif node is not None:
            prefix = cursor.context.home.keys.prefix
            found = [self._tie(leaf, key, value, prefix, reader) for key, value in node.entries]
            leaf = leaf._replace(ties=tuple(tie for tie in found if tie is not None))
        self._layers.setdefault(leaf.path, leaf)
        return leaf

    def _tie(self, leaf: Leaf, key: ScalarNode, node: WrittenNode, prefix: str, reader: Reader) -> Tie | None:
        own = _tieable(leaf)
        if key.text not in own:
            reader.report(
                "unknown-parameter", f"`{leaf.type}` has no parameter `{key.text}` here{_computed(leaf, key.text)}",
                key, help=_listed(own, "it has"),
            )  # fmt: skip
            return None
        text = filled(node, reader) if isinstance(node, ScalarNode) and isinstance(node.value, str) else None
        path, _, name = (text or "").rpartition(".")
        other = self._layer(path, prefix)
        if other is None or other.path == leaf.path:
            if text is not None or not isinstance(node, ScalarNode) or not isinstance(node.value, str):
                self._unknown(text, own[key.text], node, reader)
            return None
        related = [Related(f"`{other.path}`", other.span)]
        theirs = _tieable(other)
        if name not in theirs:
            said = f"`{other.path}` is a `{other.type}`, which has no parameter `{name}` here{_computed(other, name)}"
            reader.report(
                "unknown-parameter", said, node, related=related,
                help=_listed((f"{other.path}.{known}" for known in theirs), "there is"),
            )  # fmt: skip
            return None
        if theirs[name] != own[key.text]:
            here, there = _shape(own[key.text]), _shape(theirs[name])
            said, wish = f"`{key.text}` is {here}, but `{other.path}.{name}` is {there}", "one parameter has one shape"
        elif leaf.frozen != other.frozen:
            words = ("frozen", "not") if leaf.frozen else ("not frozen", "frozen")
            said = f"`{key.text}` is {words[0]} here, but `{other.path}.{name}` is {words[1]}"
            wish = "write `freeze` beside both"
        else:
            first = next((tie for tie in other.ties if tie.parameter == name), None)
            return Tie(key.text, *(first[1:] if first is not None else (other.path, name)))
        reader.report("tie-mismatch", said, node, related=related, help=wish)
        return None

    def _layer(self, path: str, prefix: str) -> Leaf | None:
        """The layer of a path: below the body that the item stands in, or below one around it."""
        while path:
            if prefix + path in self._layers:
                return self._layers[prefix + path]
            if not prefix:
                return None
            outer = prefix.removesuffix(".").rpartition(".")[0]
            prefix = f"{outer}." if outer else ""
        return None

    def _unknown(self, text: str | None, shape: Shape, node: WrittenNode, reader: Reader) -> None:
        fitting = [
            f"{leaf.path}.{name}"
            for leaf in self._layers.values()
            for name, other in _tieable(leaf).items()
            if other == shape
        ]
        if self._refused(text):
            return
        if (later := self._later(text, node)) is not None:
            reader.report(
                "unknown-parameter", f"no layer before this one has a parameter `{text}`", node,
                help=f"it stands in line {later}: of two layers the later one says that, so write the `tie` there",
            )  # fmt: skip
            return
        near = did_you_mean(text or "", fitting) or (fitting[0] if len(fitting) == 1 else None)
        wish = f"did you mean `{near}`?" if near else _listed(fitting[:4], f"of its shape, {_shape(shape)}, there is")
        said = "this names no parameter" if text is None else f"no layer before this one has a parameter `{text}`"
        fix = reader.replace(f"write `{near}`", node, near) if near and text else None
        reader.report("unknown-parameter", said, node, help=wish, fix=fix)

    def _refused(self, text: str | None) -> bool:
        """Whether a path goes through a name that has been reported: then nothing is there for that reason."""
        places = (module_named(self.spec, name) for name in (text or "").split(".")[:-1])
        spans = {self.reports.source.span(place) for place in places if place is not None}
        return any(found.span in spans for found in self.reports.diagnostics)

    def _later(self, text: str | None, node: WrittenNode) -> int | None:
        """The line of the item of which a path tells the parameter, if it stands further down."""
        *_, layer, _ = ["", "", *(text or "").split(".")]
        place = module_named(self.spec, layer) if layer else None
        return self.spec.source.span(place).line if place is not None and place.start > node.start else None


def _tieable(leaf: Leaf) -> dict[str, Shape]:
    """The parameters that may be tied, or be those of another layer: what a weight is computed of may not."""
    return {name: shape for name, shape in leaf.parameters.items() if not name.startswith(PARAMETRIZED)}


def _computed(leaf: Leaf, name: str) -> str:
    """Why a layer lacks a parameter that its class has, to end a sentence."""
    if leaf.parametrization is None or name != "weight":
        return ""
    return f": `parametrize: {leaf.parametrization.word}` computes it of others"


def _listed(names: Iterable[str], words: str) -> str:
    return f"{words} {', '.join(f'`{name}`' for name in names) or 'none'}"


def _shape(shape: Shape) -> str:
    return " × ".join(map(str, shape)) or "a number"


Difference = tuple[str, str, str, str]
_SEVERAL: Final = "name several results beside all of them, as in `as: [y, h]`, or beside none"
_ALIKE: Final = "the items are written alike, with the same layers and arguments"


def difference(first: Node, other: Node) -> Difference | None:
    """What keeps two applications from being one module: here, there, of what, and what to do. None if nothing does."""
    ours, theirs = list(_parts(first)), list(_parts(other))
    for a, b in zip(ours, theirs, strict=False):
        if _kind(a) != _kind(b):
            return _kind(b), _kind(a), "it has", _ALIKE
        found = None
        if isinstance(a, Leaf) and isinstance(b, Leaf):
            found = _of_layers(a, b)
        elif isinstance(a, Combinator) and isinstance(b, Combinator):
            found = _of_options(a, b)
        if found is not None:
            return found
    if len(ours) != len(theirs):
        return str(len(theirs)), str(len(ours)), "its layers, joins and names are", _ALIKE
    if isinstance(first, Leaf):  # it is called with its values, wherever they come from
        return None
    here, there = slots_inside(other), slots_inside(first)
    if len(here) != len(there):
        return str(len(here)), str(len(there)), "the values that it reads are", _ALIKE
    pairs = set(zip(here, there, strict=True))
    if len(pairs) != len({slot for _, slot in pairs}):
        return "several", "one value in their places", "it reads", "give each use values of its own"
    return None


def _of_options(a: Combinator, b: Combinator) -> Difference | None:
    here = b.options
    found = ((str(here[key]), str(value), key) for key, value in a.options.items() if here[key] != value)
    return next(((x, y, f"`{key}` of its `{a.kind}` is", _ALIKE) for x, y, key in found), None)


def _of_layers(a: Leaf, b: Leaf) -> Difference | None:
    for key, value in a.args.items():
        if (here := b.args[key]) != value:
            sizes = f"for {_shape(b.input_shape)} here, {_shape(a.input_shape)} there"
            wish = f"a module has one width: it is given {sizes}" if key in a.layer.inferred(a.input) else _ALIKE
            return str(here), str(value), f"`{key}` of its `{a.type}` is", wish
    if a.call.target != b.call.target:
        told = ["several" if leaf.inputs or leaf.results else "one" for leaf in (b, a)]
        what = f"the tensors that its `{a.type}` takes and gives are"
        return told[0], told[1], what, _SEVERAL
    if a.frozen != b.frozen:
        states = {True: "frozen", False: "not frozen"}
        return states[b.frozen], states[a.frozen], f"its `{a.type}` is", "write `freeze` beside all of them"
    if a.parametrization != b.parametrization:
        said = [leaf.parametrization.word if leaf.parametrization else "none" for leaf in (b, a)]
        return (
            said[0],
            said[1],
            f"`parametrize` of its `{a.type}` is",
            "write the same `parametrize` beside all of them",
        )
    if a.ties != b.ties:
        return "otherwise", "in another way", f"its `{a.type}` is tied", "write the same `tie` beside all of them"
    if a.init != b.init:
        return (
            "otherwise",
            "in another way",
            f"its `{a.type}` is initialised",
            "write the same `init` beside all of them",
        )
    return None


def _parts(node: Node) -> Iterator[Node]:
    """The nodes of a subtree but for the scopes, which are no modules."""
    return (found for found in walk(node) if not isinstance(found, Scope))


def _kind(node: Node) -> str:
    match node:
        case Leaf():
            return f"a `{node.type}`"
        case Combinator():
            return f"a `{node.kind}`"
        case Sequential():
            return "a nested list"
        case _:
            return "a value's name" if isinstance(node, As) else "a `use`"
