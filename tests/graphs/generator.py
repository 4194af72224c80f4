"""Random graphs: specs with named values, families, blocks that take and give values, branches of every form, several
inputs and several outputs.

A spec is made as plain data (what `yaml.safe_load` would give), so that the interpreter beside this file reads the same
thing and nothing of netspec's. Shapes are tracked only to write specs that fit.
"""

from __future__ import annotations

from random import Random
from typing import Any

Shape = tuple[int, int, int]
Item = Any

LONGEST = 3
DEEPEST = 2


class Scope:
    """The values in sight: one dictionary for each list around, innermost last."""

    def __init__(self, lists: list[dict[str, Shape]], integers: dict[str, Shape] | None = None) -> None:
        self.lists = lists
        self.integers = integers or {}
        """Inputs of whole numbers or of truth values: arithmetic makes floating-point numbers of them."""
        self.families: dict[str, int] = {}
        """Those that are named in this list, with the number of their members, and nothing else is."""

    def branch(self) -> Scope:
        return Scope([*self.lists, {}], self.integers)

    def values(self) -> dict[str, Shape]:
        return {name: shape for names in self.lists for name, shape in names.items()}


class Generator:
    """Writes one spec from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.blocks: dict[str, list[Item]] = {}
        self.count = 0
        self.loops = 0

    def spec(self) -> dict[str, Any]:
        shape = (self.random.choice([1, 2, 4]), 8, self.random.choice([8, 6]))
        scope = Scope([{"x0": shape}])
        spec: dict[str, Any] = {"input": list(shape)}
        layers: list[Item] = [{"as": "x0"}]
        if self.random.random() < 0.5:
            spec["input"], layers = self.inputs(shape, scope), []
        more, end = self.items(shape, scope, DEEPEST, least=2)
        scope.lists[0]["ended"] = end
        spec["layers"] = [*layers, *more, {"as": "ended"}, {"use": f"x0 + {self.scaled('x0')}"}]
        spec["layers"] += [{"as": "last"}, {"Conv2d": {"out_channels": 2, "kernel_size": 1}}]
        spec["layers"] = self.read_all(spec["layers"], scope)
        if self.random.random() < 0.5:
            spec["output"] = self.outputs(scope)
        if self.blocks:
            spec["blocks"] = self.blocks
        return spec

    def inputs(self, shape: Shape, scope: Scope) -> dict[str, Any]:
        """The first, and up to three more: one of another shape, one of whole numbers, one of truth values."""
        found: dict[str, Any] = {"x0": list(shape)}
        if self.random.random() < 0.7:
            scope.lists[0]["second"] = self.random.choice([shape, (shape[0], 1, 1), (2, 4, 4)])
            found["second"] = list(scope.lists[0]["second"])
        for name, dtype in (("count", "int64"), ("mask", "bool")):
            if self.random.random() < 0.3:
                scope.integers[name] = shape
                found[name] = [*shape, dtype] if self.random.random() < 0.5 else {"shape": list(shape), "dtype": dtype}
        return found

    def outputs(self, scope: Scope) -> Any:
        """One value, or several with names: layers, values, arithmetic and families."""
        values = sorted(scope.lists[0])
        if self.random.random() < 0.2:
            return self.random.choice(values)
        found: dict[str, Any] = {"kept": self.random.choice(values)}
        if self.random.random() < 0.5:
            found["end"] = [{"Conv2d": {"out_channels": 1, "kernel_size": 1}}]
        if self.random.random() < 0.5:
            found["more"] = self.scaled(self.random.choice(values))
        if scope.families:
            found["levels"] = self.random.choice(sorted(scope.families))
        head, _ = self.items((5, 1, 1), scope, 0)
        found["policy"] = [{"AdaptiveAvgPool2d": 1}, {"Conv2d": {"out_channels": 5, "kernel_size": 1}}, *head]
        names = sorted(found)
        self.random.shuffle(names)
        return {name: found[name] for name in names}

    def read_all(self, layers: list[Item], scope: Scope) -> list[Item]:
        """End by reading a few of the values, that behind the last item among them, whatever their shapes: each through
        a pool to one number a channel."""
        others = sorted(scope.lists[0].keys() - {"ended"})
        names = ["ended", *self.random.sample(others, k=min(2, len(others)))]
        branches = [
            [{"use": name}, {"AdaptiveAvgPool2d": 1}, {"Conv2d": {"out_channels": 3, "kernel_size": 1}}]
            for name in names
        ]
        return [
            *layers,
            {"AdaptiveAvgPool2d": 1},
            {"concat": [[], [{"use": "last"}, {"AdaptiveAvgPool2d": 1}], *branches]},
        ]

    # ---- lists

    def items(self, shape: Shape, scope: Scope, depth: int, *, least: int = 0) -> tuple[list[Item], Shape]:
        made: list[Item] = []
        for _ in range(self.random.randint(least, LONGEST)):
            more, shape = self.item(shape, scope, depth)
            made += more
        return made, shape

    def item(self, shape: Shape, scope: Scope, depth: int) -> tuple[list[Item], Shape]:
        simple = [self.layer, self.layer, self.layer, self.name, self.name, self.use, self.arithmetic]
        simple += [self.family, self.parts, self.constant]
        nested = [self.join, self.join, self.gate, self.sequential, self.group, self.loop, self.block, self.shared]
        chosen = self.random.choice(simple if depth == 0 else simple + nested)
        if chosen in simple:
            return chosen(shape, scope)  # type: ignore[call-arg, no-any-return]
        return chosen(shape, scope, depth - 1)  # type: ignore[call-arg, no-any-return]

    def layer(self, shape: Shape, scope: Scope) -> tuple[list[Item], Shape]:
        channels, height, width = shape
        match self.random.randrange(6):
            case 0:
                return ["ReLU"], shape
            case 1:
                return ["Tanh"], shape
            case 2 if min(height, width) >= 2:
                return [{"MaxPool2d": 2}], (channels, height // 2, width // 2)
            case 3 if channels * height * width > 1:
                return [
                    {"AdaptiveAvgPool2d": {"output_size": [height, width]}},
                    {"GroupNorm": {"num_groups": 1}},
                ], shape
            case _:
                out = self.random.choice([channels, channels, 1, 2, 4])
                return [{"Conv2d": {"out_channels": out, "kernel_size": 3, "padding": 1}}], (out, height, width)

    def fresh(self, scope: Scope) -> str:
        if scope.lists[-1] and not self.loops and self.random.random() < 0.2:  # a round begins as the one before
            again = [name for name in scope.lists[-1] if name.startswith("v")]
            if again:
                return self.random.choice(again)  # the same list may bind a name again
        self.count += 1
        return f"v{self.count}"

    def name(self, shape: Shape, scope: Scope) -> tuple[list[Item], Shape]:
        name = self.fresh(scope)
        scope.lists[-1][name] = shape
        if self.random.random() < 0.5:
            return [{"as": name}], shape
        return [{"Tanh": None, "as": name}], shape

    def use(self, shape: Shape, scope: Scope) -> tuple[list[Item], Shape]:
        values = scope.values()
        if not values:
            return [], shape
        name = self.random.choice(sorted(values))
        return [{"use": name}], values[name]

    def arithmetic(self, shape: Shape, scope: Scope) -> tuple[list[Item], Shape]:
        values = scope.values()
        if not values:
            return [], shape
        first = self.random.choice(sorted(values))
        goal = values[first]
        text = self.scaled(first)
        for other in self.random.sample(sorted(values), k=min(2, len(values))):
            if values[other] == goal or values[other] == (goal[0], 1, 1):
                text = f"{text} {self.random.choice('+-*')} {self.scaled(other)}"
        for name, shape in scope.integers.items():
            if shape == goal and self.random.random() < 0.5:
                text = f"{text} + {name} {self.random.choice(['* 0.5', '/ 3', '* 2 * 1.5'])}"
        return [{"use": text}], goal

    def scaled(self, name: str) -> str:
        return self.random.choice(
            [name, name, f"{name} * 0.5", f"(1 - {name})", f"-{name}", f"{name} / 4", f"{name} ** 2"]
        )

    def family(self, shape: Shape, scope: Scope) -> tuple[list[Item], Shape]:
        """Several values of one shape under one name, made in a loop, and read by their indices."""
        self.count += 1
        name, size = f"p{self.count}", self.random.randint(1, 3)
        layers: list[Item] = [
            {
                "for": f"i{name} in range({size})",
                "do": [{"Conv2d": {"out_channels": shape[0], "kernel_size": 1}}, {"as": f"{name}[i{name} + 1]"}],
            }
        ]
        scope.families[name] = size
        return self.read_family(layers, name, size, shape)

    def constant(self, shape: Shape, scope: Scope) -> tuple[list[Item], Shape]:
        """A parameter or a buffer, of the shape that stands here or of one number for each channel."""
        channels, height, width = shape = self.random.choice([shape, (shape[0], 1, 1)])
        if self.random.random() < 0.5:
            item: dict[str, Any] = {"Parameter": list(shape) if self.random.random() < 0.5 else {"shape": list(shape)}}
            return [item | ({"freeze": True} if self.random.random() < 0.2 else {})], shape
        value = [[[(c - h) / (w + 2) for w in range(width)] for h in range(height)] for c in range(channels)]
        if self.random.random() < 0.5:
            return [{"Buffer": value}], shape
        text = f"[[[(c - h) / (w + 2) for w in range({width})] for h in range({height})] for c in range({channels})]"
        return [{"Buffer": {"value": text, "persistent": self.random.random() < 0.5}}], shape

    def parts(self, shape: Shape, scope: Scope) -> tuple[list[Item], Shape]:
        """An axis in parts: a family that is read by its indices, or each under a name of its own."""
        channels, height, width = shape
        if channels < 2:
            return [], shape
        self.count += 1
        first = self.random.randint(1, channels - 1)
        item: dict[str, Any] = {"Split": {"sizes": [first, channels - first]}}
        sizes = [first, channels - first]
        if channels % 2 == 0 and self.random.random() < 0.5:
            item, sizes = {"Chunk": 2}, [channels // 2] * 2
        kept = (sizes[1], height, width)
        match self.random.randrange(3):
            case 0:
                name = f"c{self.count}"
                return [{**item, "as": name}, {"concat": [f"{name}[1]", f"{name}[0]"]}], shape
            case 1:
                name = self.fresh(scope)
                scope.lists[-1][name] = kept
                return [{**item, "as": ["_", name]}, {"concat": [name, []]}], shape
            case _:
                names = [f"d{self.count}", f"e{self.count}"]
                return [{**item, "as": names}, {"use": f"{names[1]} * 2"}, {"concat": [[], names[0]]}], shape

    def read_family(self, layers: list[Item], name: str, size: int, shape: Shape) -> tuple[list[Item], Shape]:
        total = " + ".join(f"{name}[{i + 1}]" for i in range(size))
        match self.random.randrange(5):
            case 0:
                return [*layers, {"concat": name}], (shape[0] * size, *shape[1:])
            case 1:
                return [*layers, {"add": f"[{name}[i] for i in range(1, {size + 1})]"}], shape
            case 2:
                return [*layers, {"concat": [f"{name}[{size}]", f"{name}[1] * 2"]}], (shape[0] * 2, *shape[1:])
            case 3:
                return [*layers, {"add": [[{"use": f"{name}[1]"}, "ReLU"], f"{name}[{size}]"]}], shape
            case _:
                return [*layers, {"use": total}], shape

    # ---- what holds lists

    def to(self, goal: Shape, shape: Shape) -> list[Item]:
        """The layers that turn one shape into another."""
        made: list[Item] = []
        if shape[1:] != goal[1:]:
            made.append({"AdaptiveAvgPool2d": {"output_size": list(goal[1:])}})
        return [*made, {"Conv2d": {"out_channels": goal[0], "kernel_size": 1}}] if shape[0] != goal[0] else made

    def fitted(self, shape: Shape, goal: Shape, scope: Scope, depth: int) -> list[Item]:
        made, end = self.items(shape, scope, depth)
        return [*made, *self.to(goal, end)]

    def join(self, shape: Shape, scope: Scope, depth: int) -> tuple[list[Item], Shape]:
        goal = (self.random.choice([1, 2, 4]), *shape[1:])
        word = self.random.choice(["add", "concat", "residual"])
        if word == "residual":
            item: dict[str, Any] = {"residual": self.fitted(shape, shape, scope.branch(), depth)}
            if self.random.random() < 0.5:
                item["shortcut"] = self.fitted(shape, shape, scope.branch(), depth)
            return [item], shape
        branches: list[Any] = []
        number = 0
        for _ in range(self.random.randint(1, 3)):
            match self.random.randrange(6):
                case 0:
                    rounds = self.random.randint(1, 2)
                    self.count += 1
                    self.loops += 1
                    branches.append(
                        {"for": f"n{self.count} in range({rounds})", "do": self.fitted(shape, goal, scope.branch(), 0)}
                    )
                    self.loops -= 1
                    number += rounds
                case 1:
                    here = self.random.random() < 0.5
                    branches.append({"when": here, "do": self.fitted(shape, goal, scope.branch(), 0)})
                    number += here
                case 2 if fits := [name for name, found in scope.values().items() if found == goal]:
                    branches.append(self.random.choice(fits))
                    number += 1
                case _:
                    branches.append(self.fitted(shape, goal, scope.branch(), depth))
                    number += 1
        branches.append(self.fitted(shape, goal, scope.branch(), depth))
        number += 1
        return [{word: branches}], goal if word == "add" else (goal[0] * number, *goal[1:])

    def shared(self, shape: Shape, scope: Scope, depth: int) -> tuple[list[Item], Shape]:
        """One module that runs two or three times: a layer, a list, a combinator, or the rounds of a loop."""
        self.count += 1
        option = {"shared": f"s{self.count}"}
        inner = Scope([{}]) if self.loops else scope.branch()  # each use of a module reads values alike
        body = [*self.fitted(shape, shape, inner, depth), {"Conv2d": {"out_channels": shape[0], "kernel_size": 1}}]
        item: dict[str, Any] = self.random.choice([{"sequential": body}, {"residual": body}, body[-1]]) | option
        if self.random.random() < 0.25:  # one item that makes two modules, which run in turns
            turns = self.random.choice(["[0, 1, 0, 1]", "[1, 0, 1]", "range(3)"])
            named = item | {"shared": f"s{self.count}_{{t{self.count} % 2}}"}
            if inner.values():
                named = body[-1] | {"shared": named["shared"]}
            return [{"for": f"t{self.count} in {turns}", "do": [named]}], shape
        if self.random.random() < 0.3:
            return [{"repeat": self.random.randint(1, 3), "do": body} | option, {"sequential": body} | option], shape
        between: list[Any] = self.random.choice([[], ["Tanh"], [{"residual": [item, "Tanh"]}]])
        return [item, *between, item | ({"repeat": 2} if self.random.random() < 0.3 else {})], shape

    def gate(self, shape: Shape, scope: Scope, depth: int) -> tuple[list[Item], Shape]:
        return [{"gate": self.fitted(shape, (shape[0], 1, 1), scope.branch(), depth)}], shape

    def sequential(self, shape: Shape, scope: Scope, depth: int) -> tuple[list[Item], Shape]:
        """Transparent: what is named inside is known behind it."""
        made, end = self.items(shape, scope, depth)
        if not made:
            return [], shape
        self.count += 1
        item: dict[str, Any] = {"sequential": made}
        return [item | ({"name": f"part{self.count}"} if self.random.random() < 0.5 and not self.loops else {})], end

    def group(self, shape: Shape, scope: Scope, depth: int) -> tuple[list[Item], Shape]:
        if self.random.random() < 0.5:
            made, _ = self.items(shape, scope.branch(), depth)
            return [{"when": False, "do": [*made, "ReLU"]}], shape
        made, end = self.items(shape, scope, depth)
        return [{"when": True, "do": made}] if made else [], end

    def loop(self, shape: Shape, scope: Scope, depth: int) -> tuple[list[Item], Shape]:
        """Rounds that each end in the shape that they begin with; names inside are bound again each time."""
        self.loops += 1  # a module that is made several times has no name
        inner = self.fitted(shape, shape, scope, depth)
        self.loops -= 1
        if not inner:
            return [], shape
        self.count += 1
        rounds = self.random.randint(1, 2)
        head = {"repeat": rounds} if self.random.random() < 0.5 else {"for": f"n{self.count} in range({rounds})"}
        return [head | {"do": inner}], shape

    def block(self, shape: Shape, scope: Scope, depth: int) -> tuple[list[Item], Shape]:
        """A block that takes values, and may give one that is not its last."""
        values = scope.values()
        if not values:
            return [], shape
        self.count += 1
        name = f"block{self.count}"
        given = self.random.sample(sorted(values), k=min(2, len(values)))
        inside = Scope([{f"a{i}": values[value] for i, value in enumerate(given)}])
        if self.random.random() < 0.2:
            return self.giving_family(name, given, shape, inside)
        body, end = self.items(shape, inside, 0, least=1)
        if self.random.random() < 0.5:
            chosen = self.random.choice(sorted(inside.lists[0]))
            body, end = [*body, {"output": chosen}], inside.lists[0][chosen]
        signature = f"{name}({', '.join(f'a{i}' for i in range(len(given)))})"
        self.blocks[signature] = body
        arguments = [value if self.random.random() < 0.7 else f"{value} * 2" for value in given]
        item: dict[str, Any] = {name: arguments}
        if self.random.random() < 0.5 and not self.loops:
            item["name"] = f"call{self.count}"
        if self.random.random() < 0.5:
            item["as"] = new = self.fresh(scope)
            scope.lists[-1][new] = end
        return [item], end

    def giving_family(self, name: str, given: list[str], shape: Shape, inside: Scope) -> tuple[list[Item], Shape]:
        """A block that gives a family, the call of it, and what reads the family."""
        body, _ = self.family(shape, inside)
        family, size = next(iter(inside.families.items()))
        self.blocks[f"{name}({', '.join(f'a{i}' for i in range(len(given)))})"] = [*body[:1], {"output": family}]
        self.count += 1
        return self.read_family([{name: given, "as": f"q{self.count}"}], f"q{self.count}", size, shape)
