"""Find the place where a text is nested too deep, after the parser failed before emitting the event that shows it.

libyaml's scanner reads up to a thousand characters of a line ahead of the events, and from PyYAML 6.0.4 on the parser
itself refuses deep nesting.
"""

from __future__ import annotations

from typing import Any, Final

import yaml
from yaml.events import CollectionEndEvent, CollectionStartEvent

PARSER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # PyYAML may have been built without libyaml
READABLE: Final = 998
"""The greatest depth that PyYAML reads in every style: 6.0.4 refuses 1,000 nested block and 1,001 flow collections."""


def deeper_than(limit: int, text: str) -> int | None:
    """Offset of the first collection of `text` that is nested deeper than `limit`; None if there is none.

    The text may end anywhere, so a caller can pass the part before the place where libyaml stopped.
    """
    parser = PARSER(text)
    level = 0
    try:
        for event in iter(parser.get_event, None):
            level += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if level > limit:
                return event.start_mark.index
    except yaml.MarkedYAMLError:
        pass  # where the text was cut, or sooner
    finally:
        parser.dispose()
    return None
