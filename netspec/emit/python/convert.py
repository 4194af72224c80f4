"""Net tree → expressions: a call for each layer and each combinator's helper, a `BlockCall` for each block call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from netspec.diagnostics import Span, UsageError
from netspec.emit.python.blocks import NO_MODULE
from netspec.emit.python.code import (
    Argument,
    BlockCall,
    Dict,
    Expression,
    FunctionCall,
    Literal,
    Raw,
    Round,
    Told,
    keywords,
    literal,
)
from netspec.emit.python.forward import Classes
from netspec.emit.python.statements import is_bare, runs_on, start_of
from netspec.emit.python.told import Texts, literals
from netspec.layers.base import NAMESPACES, Layer, TensorType, TorchCall
from netspec.layers.defaults import REQUIRED, torch_defaults
from netspec.net import As, Combinator, Leaf, Node, Scope, Sequential, Use, members, module_key, walk
from netspec.views.describe import shape_text
from netspec.wiring import Wires

FROZEN: Final = {
    name: f"Frozen{name}"
    for name in (
        "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm",
        "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d",
    )
}  # fmt: skip
"""Norms and the helpers that they become under `freeze`, where they keep running statistics."""

_PART: Final = 10
"""At every tenth level of combinators, a branch may become a function: Python reads 200 open brackets."""

_LONGEST_LITERAL: Final = 60
"""Characters of a list of numbers that is written out where the spec has an expression for it."""

_IDENTITY: Final = FunctionCall("nn.Identity")


class Converter:
    """Converts a net and remembers what the file needs for it."""

    def __init__(self, texts: Texts, classes: Classes, network: str, taken: frozenset[str]) -> None:
        self.texts = texts
        self.classes = classes
        self.name = network
        """What the network is called."""
        self.local: Mapping[str, Literal] = {}
        """The parameters of the block, and the names of the loops, around the place that is being converted."""
        self.blocks: list[BlockCall] = []
        """Every block call, those inside of others first."""
        self.helpers: dict[tuple[str, str], None] = {}
        """Module of netspec's and class, for every class that the file gets a copy of."""
        self.imports: dict[tuple[str, str], None] = {}
        """Module and class, for every class of torchvision's."""
        self.plugged: dict[tuple[str, str], str] = {}
        """Module and class, for every class of a plugin's, and its name in the file."""
        self.taken = taken
        """Names that the file has otherwise."""
        self.network: TorchCall | None = None
        """What the network becomes on account of a combinator inside."""
        self.variables = _variables(classes)
        """The variable that holds each shared module, by path."""
        self._first: dict[str, dict[str, Expression]] = {}
        """By the path of a chain, the modules that it has and does not run where they stand, by key."""
        self.depth = 0
        """How many combinators stand around the place that is being converted."""

    def root(self, root: Sequential) -> FunctionCall:
        """The call that makes the whole network."""
        items, _ = self._items(root)
        net = self.classes.net
        given = net.named_inputs or net.named_outputs or root.output.constant
        if self.classes.needed(root, Wires()) or given:
            function = self.classes.root(self.name, heads=self.network is not None)
        else:
            function = "nn.Sequential" if self.network is None else self._function(self.network)
        for helper in sorted(self.classes.helpers):
            self._helper(helper)
        return _sequential(items, function)

    # ---- chains

    def _items(self, chain: Sequential) -> tuple[tuple[Expression, ...], int]:
        """What stands in an `nn.Sequential` for this chain, and the highest level of a block inside."""
        nodes = [node for node in members(chain) if not isinstance(node, (As, Use))]
        keys = [module_key(node) for node in nodes]
        if keys == [str(index) for index in range(len(keys))] and chain.path not in self.classes.wiring.homes:
            return self._unnamed(chain.children)
        entries: list[tuple[str, Expression]] = []
        highest = 0
        for node in nodes:
            if is_bare(node, self.classes.wiring):
                continue
            value, level = self._placed(node)
            entries += [*self._first.pop(chain.path, {}).items(), (module_key(node), value)]
            highest = max(highest, level)
        if keywords([key for key, _ in entries]):
            named = tuple(Argument(value, key, keyword=True) for key, value in entries)
            return (FunctionCall("OrderedDict", named),), highest
        return (FunctionCall("OrderedDict", (Argument(Dict(tuple(entries))),)),), highest

    def _unnamed(self, nodes: Iterable[Node]) -> tuple[tuple[Expression, ...], int]:
        items: list[Expression] = []
        highest = 0
        for node in nodes:
            match node:
                case Leaf() if not self.classes.wiring.shared:
                    items.append(self._leaf(node))
                    continue
                case Scope(block=str(name)):
                    parameters = self._parameters(node)
                    with self._among(parameters):
                        inside, level = self._unnamed(node.children)
                    if inside:  # a call whose every item has a `when` that does not hold gives nothing
                        items.append(self._block(name, parameters, inside, node.output, level))
                        level += 1
                case Scope():
                    with self._among({**self.local, **literals(node.arguments)}):
                        inside, level = self._unnamed(node.children)
                    looped = node.kind == "repeat" and not self.variables  # no assignment may stand in a comprehension
                    items += [Round(inside, node.span)] if looped and inside else inside
                case As() | Use():  # what flows where is said in `forward`
                    continue
                case Combinator() if is_bare(node, self.classes.wiring):
                    items.append(replace(NO_MODULE, comment=f"{node.kind}: {shape_text(node.output.shape)}"))
                    continue
                case Leaf() | Sequential() | Combinator():
                    inside, level = self._placed(node)
                    items.append(inside)
            highest = max(highest, level)
        return tuple(items), highest

    def _placed(self, node: Leaf | Sequential | Combinator) -> tuple[Expression, int]:
        """What stands where a node runs: its module, with a variable if it is shared, or what runs that one again."""
        if node.path not in self.classes.wiring.shared:
            return self._made(node)
        variable = self.variables[node.path]
        level = 0
        if not node.again:
            made, level = self._made(node)
            if isinstance(made, BlockCall):
                made.variable = variable
            elif isinstance(made, FunctionCall):
                made = replace(made, variable=variable)
            if node.stand_in is None:
                return made, level
            home, _, key = node.path.rpartition(".")
            self._first.setdefault(home, {})[key] = made
        return FunctionCall(self._helper("Again"), (Argument(Raw(variable)),), shape_text(node.output.shape)), level

    def _made(self, node: Leaf | Sequential | Combinator) -> tuple[Expression, int]:
        """The module of a node, and the highest level of a block inside."""
        match node:
            case Leaf():
                return self._leaf(node), 0
            case Sequential():
                return self._chain(node)
            case Combinator():
                return self._combinator(node)

    def _chain(self, node: Sequential) -> tuple[Expression, int]:
        """A nested Sequential; one that stands for a named block call shares that block's function."""
        wires = self.classes.wiring.of(node)
        plain = not self.classes.needed(node, wires) or runs_on(node, self.classes.wiring) is not None
        function = "nn.Sequential" if plain else self.classes.of(node, wires)
        if node.block is None:
            items, level = self._items(node)
            return _sequential(items, function), level
        parameters = self._parameters(node)
        with self._among(parameters):
            items, level = self._items(node)
        keyed = len(items) == 1 and isinstance(items[0], FunctionCall) and items[0].function == "OrderedDict"
        inside: tuple[Expression, ...] = (_sequential(items, function),) if keyed else items
        block = self._block(node.block, parameters, inside, node.output, level)
        return (block if keyed else FunctionCall(function, (Argument(block),))), level + 1

    def _block(
        self,
        name: str,
        parameters: Mapping[str, Literal],
        items: Sequence[Expression],
        output: TensorType,
        level: int,
    ) -> BlockCall:
        block = BlockCall(name, parameters, tuple(items), shape_text(output.shape), level + 1)
        self.blocks.append(block)
        return block

    def _parameters(self, call: Scope | Sequential) -> dict[str, Literal]:
        """The parameters of the block that is called, as the call gives them."""
        given = literals(call.arguments)
        values = {name: slot.value for name, slot in given.items()}
        return literals(values, self.texts.arguments(call.span, tuple(given), values, self.local, call.input))

    @contextmanager
    def _among(self, local: Mapping[str, Literal]) -> Generator[None]:
        """Where these names are known."""
        outer, self.local = self.local, local
        yield
        self.local = outer

    # ---- layers and combinators

    def _combinator(self, node: Combinator) -> tuple[Expression, int]:
        joining = node.joining
        self.network = self.network or joining.network
        arguments: list[Argument] = []
        highest = 0
        self.depth += 1
        wires = Wires(self.classes.wiring.of(node).reads)  # every branch is given what any of them reads
        for key, chain in node.branches:
            items, level = self._items(chain)
            inside = self._branch(chain, wires, items)
            if self.depth % _PART == 0 and not self.variables:
                inside, level = self._block("part", {}, (inside,), chain.output, level), level + 1
            highest = max(highest, level)
            if key not in joining.sides:
                arguments.append(Argument(inside))
            elif joining.several or inside is not _IDENTITY:
                arguments.append(Argument(inside, key, keyword=True, side=True))
        self.depth -= 1
        call = node.call(self.classes.wiring.constant(node))
        for name, value in call.arguments.items():
            field = type(joining).model_fields.get(name)  # a call may state what is no option
            default = REQUIRED if field is None or field.is_required() else field.default
            arguments.append(Argument(Literal(value, name, default), name, keyword=True))
        return FunctionCall(self._function(call), tuple(arguments), shape_text(node.output.shape)), highest

    def _branch(self, chain: Sequential, wires: Wires, items: Sequence[Expression]) -> Expression:
        """A branch of a combinator, whose branches are given the values of these wires."""
        if not self.classes.needed(chain, wires):
            return _sequential(items) if items else _IDENTITY
        start = start_of(chain, wires, self.classes.wiring)
        if start is None:
            return _sequential(items, self.classes.of(chain, wires))
        call = _sequential(items, self._helper("Chain"))
        if start < 0:
            return call
        return replace(call, arguments=(*call.arguments, Argument(Literal(start, "start"), "start", keyword=True)))

    def _leaf(self, leaf: Leaf) -> FunctionCall:
        call = leaf.call
        defaults = torch_defaults(leaf.layer, call)
        function = self._function(call, leaf.layer)
        suffix = ""
        freezes = call.target in FROZEN and call.module == "torch.nn"
        if leaf.frozen and freezes and call.arguments.get("track_running_stats"):
            function = self._helper(FROZEN[call.target])
        elif leaf.frozen and leaf.params:
            suffix = ".requires_grad_(False)"
        order = () if leaf.layer.scalar is None else (leaf.layer.scalar,)
        formulas = self.texts.arguments(leaf.span, order, call.arguments, self.local, leaf.input)
        arguments = self._arguments(call, defaults, formulas, leaf.layer)
        if leaf.layer.scalar is not None:
            arguments = self._with_list(leaf, leaf.layer.scalar, arguments)
        return FunctionCall(function, arguments, shape_text(leaf.output_shape), suffix=suffix)

    def _with_list(self, leaf: Leaf, name: str, arguments: tuple[Argument, ...]) -> tuple[Argument, ...]:
        """The arguments, with the expression that makes a long list of numbers in the place of the list."""
        value = leaf.args[name]
        if not isinstance(value, tuple) or len(literal(value)) <= _LONGEST_LITERAL:  # pyright: ignore[reportUnknownArgumentType]  # any items
            return arguments
        text = self.texts.listed(leaf.span, name, value, self.local, leaf.input)  # pyright: ignore[reportUnknownArgumentType]  # likewise
        return tuple(replace(a, value=Raw(text)) if text and a.name == name else a for a in arguments)

    def _arguments(
        self, call: TorchCall, defaults: Mapping[str, Any], formulas: Mapping[str, Told], layer: Layer
    ) -> tuple[Argument, ...]:
        made: list[Argument] = []
        for name, value in call.arguments.items():
            if isinstance(value, TorchCall):  # the layer that a `TransformerEncoder` repeats
                required = dict.fromkeys(value.arguments, REQUIRED)
                inside = self._arguments(value, required, {}, layer)
                made.append(Argument(FunctionCall(self._function(value, layer), inside), name))
            else:
                made.append(Argument(Literal(value, name, defaults[name], formulas.get(name)), name))
        return tuple(made)

    def _function(self, call: TorchCall, of: Layer | None = None) -> str:
        module = call.known_module(of)
        if module not in NAMESPACES:
            return self._imported(call)
        package = module.partition(".")[0]
        if package == "netspec":
            return self._helper(call.target, call.module)
        if package == "torchvision":
            self.imports[call.module, call.target] = None
            return call.target
        return f"nn.{call.target}"

    def _imported(self, call: TorchCall) -> str:
        """The name of a plugin's class in the file; one that is taken there gets a number."""
        if call.module == "__main__":
            raise UsageError(
                f"`{call.target}` is a class of the program that runs, which no other file can import: "
                "move it into a module, and let `call` name that"
            )
        bound = self.plugged.get((call.module, call.target))
        if bound is None:
            others = {name for _, name in self.imports} | set(self.plugged.values()) | self.taken
            others |= set(self.variables.values())
            names = (f"{call.target}{number}" for number in ("", *range(2, len(others) + 3)))
            bound = next(name for name in names if name not in others)
            self.plugged[call.module, call.target] = bound
        return bound

    def _helper(self, name: str, module: str = "netspec.torch.modules") -> str:
        self.helpers[module, name] = None
        return name


def _variables(classes: Classes) -> dict[str, str]:
    """A variable for each shared module, the same for those that an item makes under one name in each call of its
    block."""
    found: dict[str, str] = {}
    of_item: dict[tuple[Span, int, str], str] = {}
    taken: Counter[str] = Counter()
    for node in walk(classes.net.root) if classes.wiring.shared else ():
        if not isinstance(node, (Leaf, Sequential, Combinator)) or node.path not in classes.wiring.shared:
            continue
        name = node.path.rpartition(".")[2]
        place = node.span, node.path.count("."), name  # a block that calls itself has one for each depth
        if node.path not in found and place not in of_item:
            taken[name] += 1
            of_item[place] = f"shared_{name}" if taken[name] == 1 else f"shared_{name}_{taken[name]}"
        found.setdefault(node.path, of_item.get(place, ""))
    return found


def _sequential(items: Sequence[Expression], function: str = "nn.Sequential") -> FunctionCall:
    return FunctionCall(function, tuple(Argument(item) for item in items))
