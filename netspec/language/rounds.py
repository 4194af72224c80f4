"""What the rounds of a `for`, a `repeat` and a `when` with a `do` are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from netspec.language.branches import Branch
from netspec.language.cursor import Context
from netspec.language.items import Item
from netspec.language.limits import Expansion
from netspec.language.names import loop_header
from netspec.language.options import flag, repeat_count
from netspec.language.reserved import check_name
from netspec.language.scope import NamesInScope
from netspec.language.spec import Spec
from netspec.text.source import Node, ScalarNode
from netspec.validation import Reader


class Rounds:
    """Reads loops. One for each walk."""

    def __init__(self, spec: Spec, expansion: Expansion, left_out: list[Node]) -> None:
        self.spec = spec
        self.reports: Final = expansion.reports
        self.expansion: Final = expansion
        self.left_out: Final = left_out
        """Takes what a `when` leaves out."""

    def header(self, node: Node, scope: NamesInScope, reader: Reader) -> tuple[list[str], list[Any]] | None:
        """Names and values of a `for`; None once reported or where a value is unknown."""
        return loop_header(node, reader, lambda key: self._may_name(key, scope))

    def _may_name(self, key: ScalarNode, scope: NamesInScope) -> bool:
        """True if a loop may use this name where it stands."""
        if key.text in scope.locals:
            self.reports.report(
                "name-taken",
                f"`{key.text}` is already a parameter or the name of a loop around, so no loop may use it",
                key,
            )
            return False
        return check_name(key, "loop name", self.spec, self.reports.report)

    def branches(self, item: Item, context: Context, reader: Reader) -> list[Branch] | None:
        """The branches that a `for`, `repeat` or `when` with its `do` stands for; None once reported or where that is
        not known."""
        for option in [option for option in item.options if option not in ("do", "when")]:
            self.reports.report(
                "misplaced-option",
                f"`{option}` cannot stand beside a `do` that makes branches",
                item.options[option],
                help="it belongs beside an item of the branch",
            )
            return None
        wanted = flag(item, "when", True, reader)
        if not wanted:
            self.left_out.append(item.node)
            return None if wanted is None else []
        scope, body = context.scope, item.options.get("do")
        if item.kind == "for":
            assert item.value is not None
            found = self.header(item.value, scope, reader)
            if found is None:
                return None
            names, values = found
            self.expansion.times(context, len(values), item.value)
            scopes = [scope.extended(bind(names, value)) for value in values]
        elif item.kind == "repeat":
            assert item.value is not None
            count = repeat_count(item.value, reader)
            if count is None:
                return None
            self.expansion.times(context, count, item.value)
            scopes = [scope] * count
        else:
            scopes = [scope]
        return [Branch(body, within) for within in scopes]


def bind(names: Sequence[str], value: Any) -> dict[str, Any]:
    """The names of a `for` in one round."""
    return dict(zip(names, value if len(names) > 1 else (value,), strict=True))
