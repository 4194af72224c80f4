"""Routers of experts that learn nothing, or little."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.diagnostics import Related
from netspec.language.clues import RemarkClue
from netspec.net import Combinator, Leaf, leaves
from netspec.remarks.walk import Telling
from netspec.validation import Reports


def find_routers(mixtures: Sequence[Combinator], tell: Telling, reports: Reports) -> None:
    """Warn of routers that nothing teaches, and of those whose shares are made shares again."""
    for mixture in mixtures:
        router = next((chain for key, chain in mixture.branches if key == mixture.joining.decides), None)
        found = [] if router is None else list(leaves(router))
        if not found:
            continue
        last = found[-1]
        if router is not None and last.output == router.output and _gives_shares(last):
            tell(
                "softmax-twice",
                f"the router of `{mixture.kind}` ends in `{last.type}`, and the weights are the softmax of what it "
                "gives: of shares of one none becomes more than e = 2.72 times as large as another",
                last,
                f"leave `{last.type}` out: the router gives scores",
            )
        alone = len(mixture.branches) == 2  # the router and one expert
        learns = any(leaf.params for leaf in found)
        if learns and not mixture.joining.teaches:
            reports.report(
                "untaught-router",
                f"{'a single expert has the weight' if alone else 'with `top: 1` the weight of the one expert is'} 1 "
                f"whatever its score is, so nothing teaches the router of `{mixture.kind}`: it stays as it was first "
                "drawn",
                mixture.span,
                related=[Related(f"`{last.type}` of the router", last.span)],
                help="write `normalize: false`, which weights the one by its share among all, or `top: 2`"
                if not alone
                else "write the layers of the expert in the place of the mixture, or give it more experts",
                clue=RemarkClue(last, ()),
                severity="warning",
            )


def _gives_shares(last: Leaf) -> bool:
    """Whether it is a softmax over the experts. The logarithm of one gives the weights that the scores do."""
    axis = getattr(last.layer, "dim", None)
    return last.layer.gives == "probabilities" and axis in (-1, len(last.output.shape))
