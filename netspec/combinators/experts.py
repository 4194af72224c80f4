"""A mixture of experts: each vector goes through the few branches that a router chooses for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from netspec.arguments import Count
from netspec.combinators.base import Ends, Joining, Kept, Made, Option, Slices, Taken, WorkedExample
from netspec.dims import Size, need, product, same
from netspec.layers.base import TensorType, shape_text


class Mixture(Joining):
    """Experts, of which each position runs `top`: those that the router, a list of layers or a value beside them,
    gives the highest scores. The result is their sum, weighted by the softmax of the chosen scores. The last axis of x
    holds the vectors, all axes before it are positions; the router gives a score for each position and expert, and an
    expert is given single vectors. Parameters count for all experts; multiply-accumulates and memory for `top` of them
    at each position, as if those were the first. What chooses is not differentiated, the weights are. How many
    positions an expert gets is read in each step, so that neither a CUDA graph nor `torch.export` holds a network with
    it.
    """

    word = "mixture"
    value = "a mixture of experts: `top` of the branches at each position"
    several = True
    keeps_rank = False
    sides = ("router",)
    decides = "router"
    target = "Mixture"
    shown = "{repeat: 8, do: [Linear: 64]}"
    in_brackets = "each branch is an expert: `mixture: {repeat: 8, do: [Linear: 128, GELU, Linear: 32]}` has eight"
    of_one = "`{1}: [[], [Linear: 64]]` has layers in the place of values"
    examples = (
        WorkedExample(
            "- mixture: {for: i in range(8), do: [Linear: 128, ReLU, Linear: 32]}\n  router: [Linear: 8]\n  top: 2",
            (10, 32),
            (10, 32),
        ),
        WorkedExample(
            "- mixture: [[Linear: 12, Sigmoid], [Linear: 12, Sigmoid], [Linear: 12, Sigmoid]]\n"
            "  router: [Linear: {out_features: 3, bias: false}]\n  top: 2",
            (3, 5, 8),
            (3, 5, 12),
        ),
    )
    options: ClassVar[dict[str, Option]] = {
        "router": Option(
            "router",
            "Layers, or a value, with a score for each expert in the last axis: a `Linear` as a rule. It is given the "
            "whole of x.",
            WorkedExample(
                "- mixture: {repeat: 4, do: [Linear: 16]}\n  router: [Linear: 8, Tanh, Linear: 4]\n  top: 2",
                (10, 16),
                (10, 16),
            ),
        ),
        "top": Option(
            "top",
            "How many experts each position runs. With `top: 1` the weight of the one is 1 whatever its score is, and "
            "nothing teaches the router, unless `normalize: false` stands beside it.",
            WorkedExample("- mixture: {repeat: 4, do: [Linear: 16]}\n  router: [Linear: 4]\n  top: 4", (16,), (16,)),
        ),
        "normalize": Option(
            "normalize",
            "`normalize: false` takes the softmax over the scores of all experts, so that the weights of the chosen "
            "ones are less than 1 together; left out, over those of the chosen.",
            WorkedExample(
                "- mixture: {repeat: 4, do: [Linear: 16, SiLU]}\n  router: [Linear: 4]\n  top: 1\n  normalize: false",
                (10, 16),
                (10, 16),
            ),
        ),
    }

    top: Count
    normalize: bool = True

    @property
    def teaches(self) -> bool:
        return not (self.knows("top") and self.top == 1 and self.normalize)

    # ---- the rule

    def check_branches(self, count: int) -> None:
        need(
            not self.knows("top") or self.top <= count,
            lambda: f"`top: {self.top}` of {count} expert{'s' * (count != 1)}",
            code="invalid-argument",
            at="top",
            help=f"each position runs {count} at most, and as a rule far fewer",
        )

    def part(self, x: TensorType) -> Made:
        need(
            bool(x.shape),
            lambda: "`mixture` sends vectors to its experts, but what flows here is one number for each example",
            code="wrong-rank",
        )
        need(
            x.dtype == "float32",
            lambda: f"`mixture` sends vectors of float32 to its experts, but what flows here is of {x.dtype}",
            code="wrong-dtype",
            help="an `Embedding` gives vectors",
        )
        need(
            not x.constant,
            lambda: (
                "`mixture` chooses for values that an example has of its own, but what flows here is the same for all"
            ),
            code="constant-value",
        )
        return Made(TensorType((x.shape[-1],)), 0)

    def sliced(self, x: TensorType) -> Slices:
        said = "an expert of `mixture` runs on the vectors of single positions, those that choose it"
        return Slices(product(x.shape[:-1]), said, chosen=self.top if self.knows("top") else 1)

    def output(self, x: TensorType, ends: Ends) -> Made:
        (router, *experts), told = ends.types, ends.told
        count = len(experts)
        need(
            router.dtype == "float32" and not router.constant,
            lambda: (
                f"the router of `mixture` scores experts by float32 values of each example, but {told(0, None)}"
                + (", the same for all" if router.constant else f" of {router.dtype}")
            ),
            code="constant-value" if router.constant else "wrong-dtype",
            help="a `Linear` makes scores of the vectors",
        )
        fits = [len(router.shape) == len(x.shape)]
        for axis in fits + [same(a, b) for a, b in zip(router.shape[:-1], x.shape[:-1], strict=False)]:
            need(
                axis,
                lambda: (
                    f"the router of `mixture` gives scores for each position of {shape_text(x.shape)}, "
                    f"{shape_text((*x.shape[:-1], count))}, but {told(0, None)}"
                ),
                code="branch-mismatch",
                help="a `Linear` keeps the axes in front of the last",
            )
        need(
            same(router.shape[-1], count),
            lambda: f"`mixture` has {count} expert{'s' * (count != 1)}, but the router: {told(0, -1)} scores",
            code="branch-mismatch",
            help=f"the router ends in a score for each expert, {count} values: `Linear: {count}`",
        )
        for i, expert in enumerate(experts, 1):
            rank = len(expert.shape)
            need(
                rank == 1 and not expert.constant,
                lambda i=i, expert=expert: (
                    f"an expert of `mixture` gives a vector for each that it is given, but expert {i}: {told(i, None)}"
                    + (", the same for all" if expert.constant else "")
                ),
                code="constant-value" if expert.constant else "branch-mismatch",
                help="`Flatten` makes one axis of several" if rank > 1 else None,
            )
            need(
                same(expert.shape[-1], experts[0].shape[-1]),
                lambda i=i: (
                    f"`mixture` adds what experts give, but expert 1: {told(1, 0)}, and expert {i}: {told(i, 0)}"
                ),
                code="branch-mismatch",
                help="experts may differ inside, but end in vectors of one size",
            )
            self.need_one_dtype(experts[0], expert, "expert 1", f"expert {i}")
        return Made(TensorType((*x.shape[:-1], experts[0].shape[-1]), experts[0].dtype), len(x.shape) - 1)

    def misfits(self, ends: Sequence[TensorType]) -> dict[int, Size]:
        widths: list[Size] = [expert.shape[-1] if expert.shape else 0 for expert in ends[1:]]
        return {0: len(widths)} | {i: widths[0] for i, width in enumerate(widths, 1) if width != widths[0]}

    # ---- words

    def names(self, count: int, stated: Collection[str]) -> list[str]:
        return ["the router", *(f"expert {i}" for i in range(1, count))]

    def remark(self) -> str:
        return f": {self._words()}"

    def box_text(self) -> str:
        return f"{self.word}: {self._words()}"

    def _words(self) -> str:
        return f"top {self.top}" + ("" if self.normalize else ", not normalized")

    # ---- the module and what it costs

    def kept(self, x: TensorType, branches: Sequence[Taken], on_cpu: bool) -> Kept:
        positions = product(x.shape[:-1])
        chosen = positions * self.top
        router, *experts = branches
        learns = any(expert.needs for expert in experts)
        weights: Size = chosen if self.normalize else positions * len(experts) + (chosen if learns else 0)
        if not router.needs:
            weights = chosen if learns else 0
        values = chosen * experts[0].type.shape[0] if router.needs else 0
        return Kept(extra=weights + values, indices=chosen * (router.needs + learns))
