"""How deep a text is nested, where libyaml gave up before its events could show it.

Its scanner runs up to a thousand characters of one line ahead of the events, and from PyYAML 6.0.4 on it refuses deep
nesting itself.
"""

from __future__ import annotations

from typing import Any, Final

import yaml
from yaml.events import CollectionEndEvent, CollectionStartEvent

PARSER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # PyYAML may have been built without libyaml
READABLE: Final = 998
"""The depth that PyYAML reads in every style: 6.0.4 refuses 1,000 block collections and 1,001 in brackets."""


def deeper_than(limit: int, text: str) -> int | None:
    """Offset of the first collection of `text` that is nested deeper than `limit`, None where there is none.

    The text may be cut off anywhere, so that what is in front of the place that libyaml refused can be asked about.
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
