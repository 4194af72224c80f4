"""Build the node tree from PyYAML's parser events, in one loop without recursion.

PyYAML's own `compose` and `load` are not used: both recurse, and `load` constructs the objects that tags name. Every
size has a limit, so that any text yields nodes or located diagnostics in bounded time and memory.

Source: https://yaml.org/spec/1.2.2/
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from yaml.reader import ReaderError

from netspec.diagnostics import Code, Diagnostic, did_you_mean
from netspec.text.characters import forbidden, readable
from netspec.text.depth import PARSER, READABLE, deeper_than
from netspec.text.keys import BAD_KEYS, checked_entries
from netspec.text.mistakes import Mistakes
from netspec.text.nodes import Limits, ListNode, MapNode, Node, ScalarNode, Source
from netspec.text.scalars import FIRST, resolve


def compose(source: Source, limits: Limits) -> tuple[Node | None, list[Diagnostic]]:
    """Build the node tree of a text.

    Returns:
        The root node, or None if the text is empty, cannot be parsed or exceeds a limit; and the diagnostics in the
        order of their lines and columns.
    """
    composer = _Composer(source, limits)
    root = composer.run()
    return root, sorted(composer.mistakes.diagnostics, key=lambda d: d.span[1:3])


class _StoppedError(Exception):
    """Ends the reading after a fatal diagnostic, which is already in the list."""


_PROPERTY: Final = r"(!<[^\s>]*>|[&!][^\s,\[\]{}]*)(?:\s+#[^\r\n]*|\s)*"  # compiled where it is needed, by few specs
_text_of: Final[Any] = attrgetter("text")
_COLON: Final = r"\s*:"


class _Composer:
    """State of one pass over the parser's events. Rare cases are methods, which keeps the loop in `build` short."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self.source = source
        self.text = source.text
        self.limits = limits
        self.max_depth = min(limits.max_depth, READABLE)
        self.max_nodes = limits.max_nodes
        self.mistakes: Final = Mistakes(source)
        self.report: Final = self.mistakes.report
        self.frames: list[tuple[list[Node], int, bool, str | None, int]] = []
        """Stack of the open collections: the parent's children, start offset, flow style, anchor, node count before."""
        self.count = 0
        self.aliases = 0
        self.documents = 0
        self.restore: dict[int, int] = {}
        self.anchors: dict[str, tuple[Node, int, int]] = {}
        """Anchor → node, the number of nodes in its subtree, its height in collections (0 for a scalar)."""
        self.unfinished: dict[str, int] = {}
        """Anchors of collections that are still open → start offset; an alias to one of them would be a cycle."""
        self.levels: list[list[int]] = []
        """For each open collection with an anchor: its nesting level, and the deepest level inside it so far."""

    def run(self) -> Node | None:
        """Read the whole text. Returns the root, or None with the reason among the diagnostics."""
        parser = None
        root: list[Node] = []
        try:
            text, self.restore = readable(self.text)
            parser = PARSER(text)
            self.build(parser.get_event, root)
        except _StoppedError:
            return None
        except yaml.MarkedYAMLError as error:
            self.unreadable(error)
            return None
        except (ReaderError, UnicodeEncodeError):
            self.control_characters()
            return None
        finally:
            if parser is not None:
                parser.dispose()
        if root and not (isinstance(root[0], ScalarNode) and root[0].start == root[0].end):
            return root[0]
        if self.mistakes.diagnostics:
            return None
        self.report(
            "empty-file",
            f"this file {'says nothing' if self.text.strip() else 'is empty'}: a spec has at least an input and layers",
            0,
            0,
            help="`netspec new NAME` writes a commented spec to start from",
        )
        return None

    def build(self, get_event: Callable[[], Any], items: list[Node]) -> None:
        """Read events until the stream ends, and append the root to `items`.

        This loop is most of the time that reading takes: a large spec has millions of events. Hence local names in
        place of attributes, the event's class in place of `isinstance`, and the most frequent events first.
        `items` is always the list of children of the innermost open collection; in a mapping, keys and values
        alternate in it. `frames` replaces the call stack, so that depth is limited by `max_depth` alone.
        """
        text, frames, levels, max_depth = self.text, self.frames, self.levels, self.max_depth
        marked = "&" in text or "!" in text  # else there are no anchors and no tags to look for
        plain = not marked and not self.restore
        add = items.append
        end = 0  # of the last scalar, alias or bracket: a block collection ends there, since libyaml's mark is later
        for event in iter(get_event, None):
            kind = event.__class__
            if kind is ScalarEvent:
                written = event.value
                if plain and written and not event.style and written[0] not in FIRST:  # certainly text, as most are
                    end = event.end_mark.index
                    add(ScalarNode(written, written, False, event.start_mark.index, end))
                else:
                    node = self.scalar(event, written, items)
                    end = node.end
                    add(node)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                children = items
                items, start, flow, anchor, before = frames.pop()
                add = items.append
                if flow and text[start] in "[{":  # `[a: 1]` holds a mapping without braces
                    end = event.end_mark.index
                self.count += len(children)  # once per collection: cheaper, and the file's size bounds each of them
                if kind is MappingEndEvent:
                    node = MapNode(self.entries(children), flow, start, end)
                else:
                    node = ListNode(children, flow, start, end)
                if anchor is not None:
                    self.finish(anchor, node, self.count - before + 1)
                if self.count >= self.max_nodes:
                    self.too_many_nodes(start, end)
                add(node)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                start = event.start_mark.index
                anchor = None
                if marked and (event.anchor is not None or event.tag is not None):
                    anchor = event.anchor
                    start = self.collection_properties(event)
                frames.append((items, start, event.flow_style, anchor, self.count))
                if len(frames) > max_depth:
                    self.too_deep(len(frames), start)
                if levels and len(frames) > levels[-1][1]:  # the height of an anchored collection: see `alias`
                    levels[-1][1] = len(frames)
                items = []
                add = items.append
            elif kind is AliasEvent:
                end = event.end_mark.index
                add(self.alias(event.anchor, event.start_mark.index, end))
            elif kind is DocumentStartEvent:
                self.documents += 1
                if self.documents > 1:
                    self.several_documents(event)
                    return  # one report is enough, whatever follows

    # ---- scalars and keys

    def scalar(self, event: Any, written: str, siblings: list[Node]) -> ScalarNode:
        """The node of a scalar that is not certainly plain text."""
        start: int = event.start_mark.index
        end: int = event.end_mark.index
        if self.restore:  # `readable` has put private characters in the place of some
            written = written.translate(self.restore)
        if event.style:
            if event.style in "|>":  # libyaml's end is that of the blank lines below
                end = start + len(self.text[start:end].rstrip(" \t\r\n"))
            node = ScalarNode(written, written, True, start, end)
        else:
            try:
                node = ScalarNode(resolve(written), written, False, start, end)
            except OverflowError as error:
                self.report("number-too-large", str(error), start, end)
                node = ScalarNode(None, written, False, start, end)
            if not written and start == end:  # an absent value, as in `key:`
                self.place_empty(node, siblings)
        if event.anchor is not None or event.tag is not None:
            node.start = self.skip_properties(node.start, node.end)
            if event.anchor is not None:
                self.anchors[event.anchor] = node, 1, 0
        return node

    def place_empty(self, node: ScalarNode, siblings: list[Node]) -> None:
        """Place an absent value directly after its `:` or `-`.

        libyaml reports such a value at the next token, which may be lines further down.
        """
        if siblings:
            before = siblings[-1].end
            colon = re.compile(_COLON).match(self.text, before)
            if colon and colon.end() <= node.start + 1:
                node.start = node.end = colon.end()
            elif self.text[node.start - 1] not in ":-?":
                node.start = node.end = before

    def entries(self, items: list[Node]) -> list[tuple[ScalarNode, Node]]:
        """Pair the alternating keys and values. An entry whose key is refused is reported and left out."""
        if len(items) == 2:
            key, value = items
            if isinstance(key, ScalarNode) and key.text not in BAD_KEYS:
                return [(key, value)]
        keys: list[Any] = items[::2]
        values = items[1::2]
        try:
            texts: set[str] = set(map(_text_of, keys))
        except AttributeError:  # a key is a list or a mapping
            return checked_entries(keys, values, self.mistakes)
        if len(texts) != len(keys) or not texts.isdisjoint(BAD_KEYS):
            return checked_entries(keys, values, self.mistakes)
        return list(zip(keys, values))  # noqa: B905  # keys and values alternate

    # ---- anchors, aliases, tags

    def collection_properties(self, event: Any) -> int:
        """Register the anchor of a collection that begins. Returns its start offset, after the anchor and the tag."""
        end: int = event.end_mark.index
        start = end - 1 if self.text[end - 1] in "[{-" else end
        self.skip_properties(event.start_mark.index, start)
        if event.anchor is not None:
            self.unfinished[event.anchor] = start
            self.levels.append([len(self.frames) + 1] * 2)
        return start

    def skip_properties(self, start: int, end: int) -> int:
        """The offset behind the anchor and the tag at `start`. A tag is reported."""
        pattern = re.compile(_PROPERTY)
        while start < end and (match := pattern.match(self.text, start, end)):
            if match[1].startswith("!"):
                message = f"tags (`{match[1]}`) are not part of the language: a spec is plain data"
                help = "remove it; an expression that begins with `!` has to be quoted"
                self.report("yaml-tag", message, match.start(1), match.end(1), help=help)
            start = match.end()
        return start

    def finish(self, anchor: str, node: Node, size: int) -> None:
        """Register a collection with an anchor that has ended: from here on aliases may name it."""
        own, deepest = self.levels.pop()
        if self.levels:
            self.levels[-1][1] = max(self.levels[-1][1], deepest)
        self.unfinished.pop(anchor, None)
        self.anchors[anchor] = node, size, deepest - own + 1

    def alias(self, name: str, start: int, end: int) -> Node:
        """The node that an alias names; a null scalar if the alias is undefined or inside its own anchor.

        The node is shared, not copied, but size and depth count as if it were copied: what reads the tree later walks
        it once per alias, so that nested aliases (a "billion laughs" file) must hit a limit here.
        """
        self.aliases += 1
        if self.aliases > self.limits.max_aliases:
            message = f"this is alias number {self.aliases:,}, but {self.limits.max_aliases:,} is the limit"
            self.stop("too-many-aliases", message, start, end, help="`blocks`, `for` and `repeat` say it once")
        if name in self.unfinished:
            at = self.unfinished[name]
            message = f"`*{name}` stands inside `&{name}`, which would contain itself"
            self.report("cyclic-alias", message, start, end, related=(f"what `&{name}` names begins here", at, at + 1))
        elif name not in self.anchors:
            near = did_you_mean(name, self.anchors)
            help = "an expression that begins with `*` has to be quoted"
            self.report(
                "undefined-alias",
                f"`*{name}` is an alias in YAML, but nothing above is marked `&{name}`",
                start,
                end,
                help=f"did you mean `*{near}`?" if near else help,
            )
        else:
            node, size, height = self.anchors[name]
            self.count += size - 1
            level = len(self.frames) + height
            if level > self.max_depth:
                self.too_deep(level, start)
            if self.count >= self.max_nodes:
                self.too_many_nodes(start, end)
            if self.levels and level > self.levels[-1][1]:
                self.levels[-1][1] = level
            return node
        return ScalarNode(None, "", False, start, end)

    # ---- fatal errors

    def too_deep(self, level: int, start: int) -> NoReturn:
        self.report_depth(level, start)
        raise _StoppedError

    def report_depth(self, level: int, start: int) -> None:
        message = f"lists and mappings are nested {level} deep here, but {self.max_depth} is the limit"
        help = "is a bracket not closed? give parts a name under `blocks:`"
        self.report("too-deep", message, start, start + 1, help=help)

    def too_many_nodes(self, start: int, end: int) -> None:
        message = f"with this the spec has {self.count + 1:,} values, but {self.max_nodes:,} is the limit"
        help = "what an alias stands for counts each time; `repeat` and `blocks` say the same in a few lines"
        self.stop("too-many-nodes", message, start, end, help=help)

    def several_documents(self, event: Any) -> None:
        self.report(
            "several-documents",
            "a second YAML document begins here, but a spec is a single one",
            event.start_mark.index,
            event.end_mark.index,
            help="put it into a file of its own; several sizes of one net are `variants:`",
        )

    def control_characters(self) -> None:
        """Report the characters that YAML does not allow."""
        for at, what in forbidden(self.text):
            self.report(
                "control-character",
                f"the character {what} may not stand in YAML",
                at,
                at + 1,
                help="delete it: it is invisible in most editors" if self.text[at] != "\0" else "is this a text file?",
            )

    def unreadable(self, error: yaml.MarkedYAMLError) -> None:
        """Report why libyaml stopped: nesting that is too deep in the text before that place, else a syntax error."""
        at = len(self.text) if error.problem_mark is None else error.problem_mark.index
        unseen = self.text[self.frames[-1][1] if self.frames else 0 : at]
        if len(self.frames) + unseen.count("[") + unseen.count("{") > self.max_depth:
            start = deeper_than(self.max_depth, readable(self.text)[0][:at])
            if start is not None:
                self.report_depth(self.max_depth + 1, start)
                return
        self.syntax_error(error)

    def syntax_error(self, error: yaml.MarkedYAMLError) -> None:
        """Report a syntax error, with libyaml's message translated by `syntax.explain`."""
        from netspec.text.syntax import explain  # imported here, since a valid text does not need it

        at, begin = error.problem_mark, error.context_mark
        mistake = explain(
            self.text,
            error.problem or "cannot read this",
            len(self.text) if at is None else at.index,
            None if begin is None else begin.index,
            [start for _, start, *_ in self.frames],
        )
        place = self.source.between(mistake.start, mistake.end)
        found = self.mistakes.diagnostics
        self.mistakes.diagnostics = [  # `*x * 2` is one mistake, not an unknown alias and something behind it
            d for d in found if d.code != "undefined-alias" or not place[1:3] <= d.span[1:3] < place[3:]
        ]
        self.report(
            "yaml-syntax",
            mistake.message,
            mistake.start,
            mistake.end,
            label=mistake.label,
            related=mistake.related,
            help=mistake.help,
            edit=mistake.edit,
        )

    def stop(self, code: Code, message: str, start: int, end: int, *, help: str) -> NoReturn:
        self.report(code, message, start, end, help=help)
        raise _StoppedError
