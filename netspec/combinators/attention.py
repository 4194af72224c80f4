"""Attention: a query looks keys up and takes their values."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, ClassVar, Final, NamedTuple

from netspec.arguments import Count, Positive, Probability
from netspec.combinators.base import Ends, Joining, Kept, Made, Option, Taken, WorkedExample
from netspec.dims import Size, need, same
from netspec.layers.base import TensorType, TorchCall, counted, sum_sizes
from netspec.layers.rotary import Rotary
from netspec.layers.scores import Scores, check_scores, check_window

_NAMES: Final = ("query", "key", "value")


class _Heads(NamedTuple):
    """The sizes of an attention."""

    heads: Size
    """Those of the query."""
    groups: Size
    """Those of key and value."""
    queries: Size
    keys: Size
    size: Size
    """Of a query and a key in each head."""
    value: Size
    """Of a value in each head."""


class Attend(Joining):
    """Attention of the first branch on the others: each of its L positions weighs the S values by its products with
    the S keys, in `heads` equal parts of the vectors, as `scaled_dot_product_attention`. The branches are query, key
    and value, L × E, S × E and S × F; one that has its heads already is heads × L × size. The result is L × F, or
    with fewer `kv_heads` as much wider, heads side by side. Projections are layers of the branches, and one behind it.
    Counted are heads · L · S · (size of a query + size of a value) multiply-accumulates; a mask takes none away.
    """

    word = "attend"
    value = "attention: query, key and value"
    several = True
    keeps_rank = False
    sides = ("mask", "bias")
    repeats = True
    target = "Attend"
    shown = "[[], [], []]"
    operands = "[q, k, v]"
    of_one = "`attend: [[], {0}, {0}]` attends to it"
    examples = (
        WorkedExample("- attend: [[Linear: 64], [Linear: 64], [Linear: 32]]\n  heads: 4", (10, 48), (10, 32)),
        WorkedExample(
            "- attend:\n    - [Linear: 24, Rearrange: {pattern: n l (h d) -> n h l d, sizes: {h: 4}}, Tanh]\n"
            "    - [Linear: 12]\n    - [Linear: 12]\n"
            "  kv_heads: 2\n  is_causal: true\n  window: 4\n  rotary: {layout: interleaved}",
            (9, 24),
            (9, 24),
        ),
    )
    options: ClassVar[dict[str, Option]] = {
        "heads": Option(
            "heads",
            "The number of heads, which the query and, unless `kv_heads` says otherwise, key and value are cut into. "
            "Left out it is 1, or that of a query which has its heads already.",
            WorkedExample("- attend: [[], [], []]\n  heads: 8", (10, 64), (10, 64)),
        ),
        "kv_heads": Option(
            "kv_heads",
            "The number of heads of key and value, each of which serves as many heads of the query; as many as those "
            "if left out.",
            WorkedExample("- attend: [[], [Linear: 16], [Linear: 16]]\n  heads: 8\n  kv_heads: 2", (10, 64), (10, 64)),
        ),
        "is_causal": Option(
            "is_causal",
            "`is_causal: true` lets position i of the query see positions up to i alone.",
            WorkedExample("- attend: [[], [], []]\n  heads: 8\n  is_causal: true", (10, 64), (10, 64)),
        ),
        "mask": Option(
            "mask",
            "A value of bool (or layers that end in one) of the shape keys, queries × keys or heads × queries × keys, "
            "a size of which may be 1. True takes part; a query with which nothing does gives zeros. It combines with "
            "`is_causal`, `window` and `bias`.",
            WorkedExample(
                "- attend: [[], [], []]\n  mask: [Buffer: {value: [true, true, false, true], dtype: bool}]",
                (4, 6),
                (4, 6),
            ),
        ),
        "bias": Option(
            "bias",
            "A value of float32 (or layers that end in one) of such a shape, which is added to the scores before "
            "softmax. One value may serve several layers.",
            WorkedExample(
                "- attend: [[Slice: {dim: 1, end: 3}], [Linear: 6], []]\n  heads: 2\n  bias: [Parameter: [2, 1, 4]]",
                (4, 6),
                (3, 6),
            ),
        ),
        "scale": Option(
            "scale",
            "What the products of queries and keys are multiplied by; size^−½ if left out, for the size of a query in "
            "a head.",
            WorkedExample("- attend: [[], [], []]\n  scale: 1", (10, 64), (10, 64)),
        ),
        "window": Option(
            "window",
            "Beside `is_causal: true`, how many positions a position sees, itself the last.",
            WorkedExample("- attend: [[], [], []]\n  is_causal: true\n  window: 3", (10, 64), (10, 64)),
        ),
        "rotary": Option(
            "rotary",
            "`rotary: {base: 10000, layout: half, fraction: 1}` turns queries and keys by their positions, as in "
            "`SelfAttention`.",
            WorkedExample("- attend: [[], [], []]\n  heads: 8\n  rotary: {base: 500000}", (10, 64), (10, 64)),
        ),
        "dropout": Option(
            "dropout",
            "The share of the scores that are dropped after softmax in training.",
            WorkedExample("- attend: [[], [], []]\n  heads: 8\n  dropout: 0.1", (10, 64), (10, 64)),
        ),
    }

    heads: Count | None = None
    kv_heads: Count | None = None
    is_causal: bool = False
    scale: Positive | None = None
    window: Count | None = None
    rotary: Rotary | None = None
    dropout: Probability = 0.0

    def call(self) -> TorchCall:
        rotary = self.rotary.model_dump() if isinstance(self.rotary, Rotary) else None
        return TorchCall(self.target, super().call().arguments | {"rotary": rotary}, "netspec.torch.attention")

    def call_over_batch(self, constant: tuple[int, ...]) -> TorchCall:
        # mask and bias are broadcast
        if all(branch >= len(_NAMES) for branch in constant):
            return self.call()
        call = self.call()
        return call._replace(arguments=call.arguments | {"constant": constant})

    # ---- the rule

    def check_branches(self, count: int) -> None:
        need(
            count == len(_NAMES),
            lambda: f"`attend` has three branches, query, key and value, not {count}",
            code="invalid-argument",
            help="of two the second is key and value: `attend: [q, m, m]`; of a sequence on itself all are `[]`",
        )

    def names(self, count: int, stated: Collection[str]) -> list[str]:
        return [*_NAMES, *(f"the {side}" for side in self.sides if side in stated)]

    def output(self, x: TensorType, ends: Ends) -> Made | None:
        known = all(self.knows(name) for name in type(self).model_fields)
        if not known or ends.keys[:3] != tuple(f"branches.{i}" for i in range(3)):
            return None
        for i, name in enumerate(_NAMES):
            self._check_branch(i, name, ends)
        sizes = self._sizes(ends.types)
        self._check_heads(ends, sizes)
        check_window(self.window, is_causal=self.is_causal)
        if self.rotary is not None:
            self.rotary.check(sizes.size, None, ends.told(0, -1), "let query and key have an even number in each head")
        self._check_sides(ends, sizes)
        width = sizes.heads * sizes.value
        return Made(TensorType((sizes.queries, width)), 1, f"{sizes.heads} · {sizes.value}")

    def _check_branch(self, i: int, name: str, ends: Ends) -> None:
        branch, told = ends.types[i], ends.told
        need(
            branch.dtype == "float32",
            lambda: f"`attend` multiplies float32 values, but the {name} is {branch.dtype}",
            code="wrong-dtype",
        )
        need(
            len(branch.shape) in (2, 3),
            lambda: (
                f"`attend` wants length × features, or heads × length × size, but the {name}: {told(i, None)}, which "
                f"has {counted(len(branch.shape))}"
            ),
            code="branch-mismatch",
            help="`Rearrange` makes one axis of several: `n c h w -> n (h w) c` for the positions of a map",
        )

    def _sizes(self, types: Sequence[TensorType]) -> _Heads:
        query, key, value = (type_.shape for type_ in types[:3])
        heads: Size = self.heads if self.heads is not None else query[0] if len(query) == 3 else 1
        split = next((shape[0] for shape in (key, value) if len(shape) == 3), heads)
        groups: Size = self.kv_heads if self.kv_heads is not None else split
        size = query[-1] if len(query) == 3 else query[-1] // heads
        width = value[-1] if len(value) == 3 else value[-1] // groups
        return _Heads(heads, groups, query[-2], key[-2], size, width)

    def _check_heads(self, ends: Ends, sizes: _Heads) -> None:
        """Require that query, key and value have these heads, or can be cut into them, and fit to each other."""
        (heads, groups, *_), told = sizes, ends.told
        key, value = ends.types[1].shape, ends.types[2].shape
        for i, (name, type_) in enumerate(zip(_NAMES, ends.types, strict=False)):
            count, option = (heads, "heads") if i == 0 else (groups, "heads" if self.kv_heads is None else "kv_heads")
            if len(type_.shape) == 3:
                need(
                    same(type_.shape[0], count),
                    lambda i=i, name=name, count=count, option=option: (
                        f"`attend` has {count} `{option}` here, but the {name}: {told(i, 0)} of them"
                    ),
                    code="branch-mismatch",
                    help="a branch of three axes has its heads first: heads × length × size",
                )
                continue
            need(
                same(type_.shape[-1] % count, 0),
                lambda i=i, name=name, type_=type_, count=count, option=option: (
                    f"`{option}: {count}` does not divide the vectors of the {name}: {told(i, -1)}, and "
                    f"{type_.shape[-1]} % {count} is {type_.shape[-1] % count}"
                ),
                code="branch-mismatch",
                at=option,
                help=f"the width of the {name} is a multiple of it: put a `Linear` into the branch",
            )
        need(
            same(heads % groups, 0),
            lambda: (
                f"{groups} heads of keys and values do not divide {heads} of queries: {heads} % {groups} is "
                f"{heads % groups}"
            ),
            code="branch-mismatch",
            help="each key and value serves the same number of queries",
        )
        theirs = key[-1] if len(key) == 3 else key[-1] // groups
        need(
            same(sizes.size, theirs),
            lambda: (
                f"`attend` multiplies queries with keys of one size in each head, but the query's is {sizes.size} "
                f"({told(0, -1)}, {heads} heads) and the key's is {theirs} ({told(1, -1)}, {groups} heads)"
            ),
            code="branch-mismatch",
            help="give both a `Linear` that makes that size times the heads of each",
        )
        need(
            same(key[-2], value[-2]),
            lambda: (
                f"`attend` has a value for each key, but there are {key[-2]} keys ({told(1, -2)}) and {value[-2]} "
                f"values ({told(2, -2)})"
            ),
            code="branch-mismatch",
            help="make key and value of the same sequence",
        )

    def _check_sides(self, ends: Ends, sizes: _Heads) -> None:
        told = (f"there are {sizes.heads} heads", ends.told(0, -2), ends.told(1, -2))
        shape = (sizes.heads, sizes.queries, sizes.keys)
        for what in ("mask", "bias"):
            if what in ends.keys:
                given = (ends.types[ends.keys.index(what)],)
                check_scores("attend", what, given, shape, told, require=need)

    # ---- words

    def remark(self) -> str:
        return f": {self._words()}" if self._words() else ""

    def box_text(self) -> str:
        return f"{self.word}: {self._words()}" if self._words() else self.word

    def _words(self) -> str:
        """The options in a few words: `8 heads, 2 of keys, causal, window 4, rotary`."""
        said = [
            "" if self.heads is None else f"{self.heads} head{'' if self.heads == 1 else 's'}",
            "" if self.kv_heads is None else f"{self.kv_heads} of keys",
            "causal" if self.is_causal else "",
            "" if self.window is None else f"window {self.window}",
            "" if self.rotary is None else "rotary",
        ]
        return ", ".join(filter(None, said))

    def recorded(self) -> dict[str, Any]:
        rotary = None if self.rotary is None else self.rotary.model_dump()
        return super().recorded() | {"rotary": rotary}

    # ---- what it costs

    def macs(self, ends: Sequence[TensorType]) -> Size:
        sizes = self._sizes(ends)
        return sizes.heads * sizes.queries * sizes.keys * (sizes.size + sizes.value)

    def kept(self, x: TensorType, branches: Sequence[Taken], on_cpu: bool) -> Kept:
        sizes = self._sizes([branch.type for branch in branches])
        named = {branch.key: branch for branch in branches}
        mask, bias = named.get("mask"), named.get("bias")
        near = self.window is not None or (self.is_causal and (mask is not None or bias is not None))
        scores = Scores(
            sizes.heads, sizes.queries, sizes.keys, () if mask is None else (mask.type,), bias and bias.type, near,
            bias is not None and bias.needs, sizes.size != sizes.value,
        )  # fmt: skip
        shared, rotary = sizes.heads != sizes.groups, self.rotary is not None
        each = (sizes.queries * sizes.size, sizes.keys * sizes.size, sizes.keys * sizes.value)
        counts = [sizes.heads * one for one in each]
        # those that are turned, or that serve several queries, lie in tensors of their own
        made = (rotary, rotary or shared, shared)
        used = sum_sizes(count for count, own in zip(counts, made, strict=True) if own)
        # step by step all are copied but the values of one head, or of a branch that has its heads already
        bare = not shared and (sizes.heads == 1 or len(branches[2].type.shape) == 3)
        copied = counts[0] + counts[1] + (0 if bare else counts[2])
        saved = scores.kept(used, copied, self.dropout)
        positions = [n for n, branch in zip((sizes.queries, sizes.keys), branches, strict=False) if branch.needs]
        angles = self.rotary.turned(sizes.size) * sum_sizes(positions) if self.rotary is not None else 0
        statistics = saved.statistics + angles
        if on_cpu and scores.is_stepwise(self.dropout):
            return Kept(some=(2,) if bare else (), extra=saved.extra + saved.cpu, statistics=statistics)
        some = [i for i, own in enumerate(made) if not own]
        some += [i for i, branch in enumerate(branches) if branch.key in saved.others]
        return Kept(some=tuple(some), output=True, extra=saved.extra, statistics=statistics)
