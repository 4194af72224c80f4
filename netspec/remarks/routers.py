"""Routers of experts that learn nothing, or little."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.diagnostics import Related
from netspec.language.clues import RemarkClue
from netspec.net import Combinator, leaves
from netspec.remarks.walk import Telling, role_of
from netspec.validation import Reports


def find_routers(mixtures: Sequence[Combinator], tell: Telling, reports: Reports) -> None:
    """Warn of routers that nothing teaches, and of those whose shares are made shares again."""
    for mixture in mixtures:
        router = next((chain for key, chain in mixture.branches if key == mixture.joining.decides), None)
        found = [] if router is None else list(leaves(router))
        if not found:
            continue
        last = found[-1]
        if role_of(type(last.layer)).is_share and router is not None and last.output == router.output:
            tell(
                "softmax-twice",
                f"the router of `{mixture.kind}` ends in `{last.type}`, and the weights are the softmax of what it "
                "gives: of shares of one none becomes more than e = 2.72 times as large as another",
                last,
                f"leave `{last.type}` out: the router gives scores",
            )
        learns = any(leaf.params for leaf in found)
        if learns and not mixture.joining.teaches:
            reports.report(
                "untaught-router",
                f"with `top: 1` the weight of the one expert is 1 whatever its score is, so nothing teaches the router "
                f"of `{mixture.kind}`: it stays as it was first drawn",
                mixture.span,
                related=[Related(f"`{last.type}` of the router", last.span)],
                help="write `normalize: false`, which weights the one by its share among all, or `top: 2`",
                clue=RemarkClue(last, ()),
                severity="warning",
            )
