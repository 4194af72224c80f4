"""Translate libyaml's syntax errors for people who do not know YAML's grammar.

`explain` takes the text and the offset where libyaml stopped; it returns what is wrong, where, and what to write.
libyaml detects many mistakes late (an unclosed bracket at the next colon, a missing colon a line further down), so
its offset is only where the search for the mistake begins.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from netspec.text.glued import glued_colon, glued_item
from netspec.text.lines import content_column, content_end, indentation, item_around, line_start, previous_line
from netspec.text.stops import Mistake, Stop, count_of, quoted, value_around


def explain(text: str, problem: str, at: int, begin: int | None, collections: list[int]) -> Mistake:
    """Translate a syntax error of libyaml.

    Args:
        text: the whole YAML text.
        problem: libyaml's message.
        at: offset where libyaml stopped.
        begin: start offset of the construct that it was reading, None if libyaml does not say.
        collections: start offsets of the open lists and mappings, outermost first.
    """
    at = min(at, len(text))
    stop = Stop(text, problem, at, at if begin is None else min(begin, len(text)), collections)
    return _EXPLANATIONS.get(problem, _other)(stop)


# ---- one function for each kind of mistake


def _quote_this(stop: Stop, why: str) -> Mistake:
    start, end = value_around(stop)
    return Mistake(why, start, end, "quote this", edit=quoted(stop.text, start, end))


def _cannot_start(stop: Stop) -> Mistake:
    if stop.char == "\t":
        return _tab(stop)
    if stop.char in ("@", "`", "%"):
        char = "a backtick" if stop.char == "`" else f"`{stop.char}`"
        return _quote_this(stop, f"in YAML a value cannot begin with {char} unless it is quoted")
    return _other(stop)


def _tab(stop: Stop) -> Mistake:
    match = re.compile(r"\t+").search(stop.text, stop.line_start)
    start, end = match.span() if match else (stop.at, stop.at + 1)
    blank = not stop.text[stop.line_start : start].strip()
    where = "indents this line" if blank else "stands where YAML wants a space"
    return Mistake(
        f"a tab character {where}: YAML is indented with spaces only",
        start,
        end,
        "tab" if end - start == 1 else "tabs",
        help="replace it by spaces, as many as the lines around it have; most editors can do it for the whole file",
    )


def _misplaced_colon(stop: Stop) -> Mistake:
    """A second `key:` while the value of the first one has not ended."""
    text = stop.text
    if (glued := glued_colon(stop)) is not None:
        return glued
    inner = re.match(r"(?:\s*-\s+)*[^\s'\"#][^:]*:\s+(?=\S)", stop.before)
    if inner:
        start = stop.line_start + inner.end()
        end = max(content_end(text, start), stop.at + 1)
        message = "this value contains a `:` followed by a blank, which YAML takes for another key"
        edit = quoted(text, start, end)
        return Mistake(message, start, end, "quote this", edit=edit)
    if (item := glued_item(stop)) is not None:
        return item
    key = stop.before.strip().removeprefix("- ").strip()
    above = previous_line(text, stop.at)
    key_start = stop.line_start + len(stop.before) - len(stop.before.lstrip())
    if above is None or not text[above[0] : above[1]].strip("- ") or not key or key.endswith(("'", '"')):
        return Mistake("a `:` cannot stand here: a key is one word on the line of its value", stop.at, stop.at + 1)
    if re.search(r":(\s|$)", text[above[0] : above[1]]):
        mine, theirs = indentation(text, stop.at), content_column(text, above[0])
        message = f"`{key}` stands deeper than the line above, which already has a value"
        help = f"indent it like its siblings, or put what belongs together into one mapping: `{{a: 1, {key}: …}}`"
        return Mistake(
            message, key_start, stop.at, f"indented by {mine}; {theirs} would fit", ("the line above", *above), help
        )
    return _missing_colon_at(text, *above, ("so YAML reads this as part of it", key_start, stop.at))


def _missing_colon_at(text: str, start: int, end: int, related: tuple[str, int, int] | None = None) -> Mistake:
    while text.startswith("- ", start) and start + 2 < end:
        start += 2
    words = text[start:end].split(maxsplit=1)
    first = words[0] if words else text[start:end]
    name, colon, value = first.partition(":")
    if colon and value and name.isidentifier():
        place = start + len(name) + 1
        edit = (f"write `{name}: {value}`", place, place, " ")
        return Mistake(f"a blank is missing after `{name}:`", start, end, "no key without it", related, edit=edit)
    if len(words) > 1 and "." in first and re.match(r"=(?!=)", words[1]):  # `self.fc = nn.Linear(8, 2)`
        help = "write it as a layer, `- Linear: 2`; `netspec import` makes a spec of a whole network in Python"
        return Mistake(
            f"what `{first}` is set to is Python, and no entry of a spec", start, end, "Python", related, help
        )
    place = start + len(first)
    edit = (f"write `{first}: {words[1]}`" if len(words) > 1 else f"write `{first}:`", place, place, ":")
    edit = None if "(" in first else edit  # a call of Python, which is no key
    return Mistake(f"a `:` is missing after `{first}`", start, end, "no `:` in this line", related, edit=edit)


def _missing_colon(stop: Stop) -> Mistake:
    return _missing_colon_at(stop.text, stop.begin, max(content_end(stop.text, stop.begin), stop.begin))


def _flow(stop: Stop) -> Mistake:
    """In `[…]` or `{…}`, an item is followed by neither a comma nor the closing bracket."""
    if (opened := _open_above(stop)) is not None:
        return opened
    text, at, opening = stop.text, stop.at, stop.begin
    bracket = text[opening : opening + 1]
    closing = "]" if bracket == "[" else "}"
    if stop.char in ("]", "}") and stop.char != closing:
        message = f"`{bracket}` is closed by `{stop.char}`"
        return Mistake(message, at, at + 1, f"should be `{closing}`", ("opened here", opening, opening + 1),
                       edit=(f"write `{closing}`", at, at + 1, closing))  # fmt: skip
    own_line = not stop.before.strip() or re.fullmatch(r"\s*(-\s+)*[\w$]+", stop.before)
    if not stop.char or (own_line and line_start(text, opening) != stop.line_start):
        return _unclosed(stop, opening)
    if stop.char in ("[", "{") and text[at - 1] not in " \t":
        return _quote_this(stop, f"inside `{bracket}…{closing}` an expression with brackets has to be quoted")
    if (glued := glued_colon(stop)) is not None:
        return glued
    start, end = item_around(text, at, opening + 1)
    item = text[start:at].rstrip()
    if stop.char == ":" and " " in item and not item.endswith((" ", ":")):
        split = start + item.rindex(" ")
        name = text[split:at].strip()
        return Mistake(f"a comma is missing before `{name}`", split + 1, at, "a new entry",
                       edit=("add the comma", start + len(text[start:split].rstrip()), split, ","))  # fmt: skip
    if stop.char == ":":
        message = "this value contains a `:` followed by a blank, which YAML takes for another key"
        edit = quoted(text, start, end)
        return Mistake(message, start, end, "quote this", edit=edit)
    if item:
        return _quote_this(
            stop, f"inside `{bracket}…{closing}` a `,` or `{closing}` is missing, or a value needs quotes"
        )
    return Mistake(f"a `,` is missing before this item of the `{bracket}…{closing}`", at, end)


def _unclosed(stop: Stop, opening: int) -> Mistake:
    bracket = stop.text[opening : opening + 1]
    closing = {"[": "]", "{": "}"}.get(bracket, "]")
    seen = min(stop.at, len(stop.text.rstrip()))
    related = None
    if stop.char:
        related = (f"here YAML still waits for `,` or `{closing}`", stop.line_start, max(stop.at, stop.line_start + 1))
        first = stop.line_start + len(stop.before) - len(stop.before.lstrip())
        related = (related[0], first, max(stop.at, first + 1))
    elif line_start(stop.text, seen) != line_start(stop.text, opening):
        related = (f"the file ends without `{closing}`", max(seen - 1, 0), seen)
    return Mistake(f"this `{bracket}` is never closed", opening, opening + 1, f"needs a `{closing}`", related)


def _no_content(stop: Stop) -> Mistake:
    """A bracket, comma or colon in the place of a value."""
    text, at, brackets = stop.text, stop.at, stop.brackets
    if not stop.char and brackets:
        return _unclosed(stop, brackets[-1])
    if stop.char == "-" and brackets and not stop.before.strip() and line_start(text, brackets[-1]) != stop.line_start:
        return _unclosed(stop, brackets[-1])
    if stop.char == "," and brackets:
        end = at + 1
        return Mistake("there is nothing in front of this comma", at, end, edit=("remove it", at, end, ""))
    if stop.char in ("]", "}"):
        if brackets:
            opening = brackets[-1]
            related = ("opened here", opening, opening + 1)
            return Mistake(f"`{text[opening]}` is closed by `{stop.char}`", at, at + 1, related=related)
        return Mistake(f"this `{stop.char}` closes nothing: no bracket is open", at, at + 1)
    if stop.char == ":":
        return Mistake("a key is missing in front of this `:`", at, at + 1)
    if stop.char in ("-", "?", ",") or (stop.char and brackets):
        return _quote_this(stop, f"a value cannot begin with `{stop.char}` here unless it is quoted")
    return _other(stop)


def _no_key(stop: Stop) -> Mistake:
    """In a block mapping or list, the next line is not an entry."""
    text, at = stop.text, stop.at
    if (opened := _open_above(stop)) is not None:
        return opened
    if stop.char == ":" and not stop.before.strip(" -"):
        return Mistake("a key is missing in front of this `:`", at, at + 1)
    if stop.before.strip(" -"):
        start, end = value_around(stop)
        message = "something follows a value that is already complete"
        if text[start : start + 1] in ("&", "*"):
            return Mistake(message, at, max(end, at + 1), "after the value", help="an expression like this is quoted")
        if text[start : start + 1] in ("[", "{") or text[start:at].rstrip().endswith(("]", "}")):
            edit = quoted(text, start, end)
            return Mistake(
                message,
                at,
                max(end, at + 1),
                "after the closing bracket",
                edit=edit,
            )
        help = "quotes go around the whole value, or around none of it"
        return Mistake(message, at, max(end, at + 1), "after the closing quote", help=help)
    end = max(content_end(text, at), at + 1)
    owner, column = stop.begin, stop.begin - line_start(text, stop.begin)
    mine = at - stop.line_start
    is_list = stop.problem.endswith("'-' indicator")
    kind = "list" if is_list else "mapping"
    related = (f"the {kind} begins here", owner, max(content_end(text, owner), owner + 1))
    if mine == column and is_list:
        help = "begin it with `- `, or indent it less if it belongs to what is around the list"
        return Mistake("an entry without `-` stands in a list", at, end, "no `-`", related, help)
    if mine == column and stop.char == "-" and (first := _first_without_dash(stop, owner)) is not None:
        return first
    if mine == column and stop.char == "-":
        help = "indent the list under its key, or give it a key such as `layers:`"
        return Mistake("a list item stands among the keys of a mapping", at, end, "list item", related, help)
    above = previous_line(text, at)
    levels = {column} | ({indentation(text, above[0]), content_column(text, above[0])} if above else set[int]())
    fits = " or ".join(str(level) for level in sorted(levels))
    message = f"this line is indented by {count_of(mine, 'space')}, which fits no line above"
    return Mistake(
        message, at, end, f"{fits} would fit", related, "lines of one list or mapping begin in the same column"
    )


def _first_without_dash(stop: Stop, owner: int) -> Mistake | None:
    """`-Conv2d: 6` or `Conv2d: 6` above the other items of a list, which YAML takes for a mapping."""
    text, end = stop.text, content_end(stop.text, owner)
    above = previous_line(text, stop.at)
    if text[owner : owner + 1] == "-":
        edit = ("write a blank behind the dash", owner + 1, owner + 1, " ")
        return Mistake("a blank is missing behind the dash of this item", owner, end, edit=edit)
    if above is None or above[0] != owner or indentation(text, owner) == 0:
        return None
    edit = ("begin the item with `- `", owner, owner, "- ")
    return Mistake("an entry without `-` stands in a list", owner, end, "no `-`", edit=edit)


def _question(stop: Stop) -> Mistake:
    return _quote_this(stop, "YAML takes this `?` for the beginning of a key, which cannot stand here")


def _list_in_line(stop: Stop) -> Mistake:
    end = max(content_end(stop.text, stop.at), stop.at + 1)
    help = "start the list on the next line, indented, or write it in brackets: `[a, b]`"
    return Mistake("a list cannot begin behind its key", stop.at, end, help=help)


def _open_quote(stop: Stop) -> Mistake:
    quote = stop.text[stop.begin : stop.begin + 1]
    inner = "''" if quote == "'" else '\\"'
    help = f"everything below was read as part of it; inside such a text, {quote} is written {inner}"
    return Mistake(f"the quote {quote} opened here is never closed", stop.begin, stop.begin + 1, help=help)


def _open_above(stop: Stop) -> Mistake | None:
    """A text that began at a quote further up ends at the quote in front of the fault, which was to begin one."""
    before = stop.before.rstrip()
    quote = before[-1:]
    if quote not in ("'", '"') or before.count(quote) % 2 == 0:
        return None
    above = stop.text[: stop.line_start]
    lines = [m for m in re.finditer(r"[^\r\n]+", above) if m[0].count(quote) % 2]
    if not lines:
        return None
    return _open_quote(stop._replace(begin=lines[-1].start() + lines[-1][0].rindex(quote)))


def _escape(stop: Stop) -> Mistake:
    match = re.compile(r"\\.?").search(stop.text, max(stop.at - 12, stop.begin) if stop.char != "\\" else stop.at)
    start, end = match.span() if match else (stop.at, stop.at + 1)
    written = stop.text[start:end]
    help = "inside single quotes a backslash is just a backslash; inside double quotes it is written \\\\"
    return Mistake(f"`{written}` is no escape that YAML knows inside double quotes", start, end, help=help)


def _name_missing(stop: Stop) -> Mistake:
    char = stop.text[stop.begin : stop.begin + 1]
    if char not in ("*", "&"):
        return _other(stop)
    start, end = value_around(stop._replace(at=stop.begin))
    edit = quoted(stop.text, start, end)
    what = "an alias" if char == "*" else "an anchor"
    return Mistake(f"YAML takes this `{char}` for the beginning of {what}: an expression like this has to be quoted",
                   start, end, "quote this", edit=edit)  # fmt: skip


def _tag(stop: Stop) -> Mistake:
    end = max(content_end(stop.text, stop.begin), stop.begin + 1)
    help = "an expression that begins with `!` has to be quoted; “not” is written `not`"
    return Mistake("YAML takes this `!` for a tag, and tags are not part of the language", stop.begin, end, help=help)


def _block_scalar(stop: Stop) -> Mistake:
    start, end = value_around(stop._replace(at=stop.begin))
    edit = quoted(stop.text, start, end)
    char = stop.text[stop.begin : stop.begin + 1]
    message = f"YAML takes this `{char}` for the beginning of a text over several lines"
    return Mistake(message, start, end, "quote this", edit=edit)


def _after_the_end(stop: Stop) -> Mistake:
    end = max(content_end(stop.text, stop.at), min(stop.at + 1, len(stop.text)))
    help = "what belongs to the spec is one mapping; a net of its own has a file of its own"
    return Mistake("the document is complete above this: nothing can follow", stop.at, end, help=help)


def _directive(stop: Stop) -> Mistake:
    start = stop.line_start
    end = max(content_end(stop.text, start), min(start + 1, len(stop.text)))
    help = "remove the line; a spec needs none (a comment begins with `#`)"
    return Mistake(
        "a line that begins with `%` is an instruction to YAML, but not one that it knows", start, end, help=help
    )


def _other(stop: Stop) -> Mistake:
    start = min(stop.at, len(stop.text.rstrip()))
    shown = f"`{stop.char}` cannot stand here" if stop.char.strip() else "something is missing here"
    help = "check quotes, brackets, colons and indentation in this line and the one above"
    return Mistake(f"{shown}: YAML {stop.problem}", start, min(start + 1, len(stop.text)), help=help)


_EXPLANATIONS: Final[dict[str, Callable[[Stop], Mistake]]] = {
    "found character that cannot start any token": _cannot_start,
    "found a tab character that violates indentation": _tab,
    "found a tab character where an indentation space is expected": _tab,
    "mapping values are not allowed in this context": _misplaced_colon,
    "could not find expected ':'": _missing_colon,
    "did not find expected ',' or ']'": _flow,
    "did not find expected ',' or '}'": _flow,
    "did not find expected node content": _no_content,
    "did not find expected key": _no_key,
    "did not find expected '-' indicator": _no_key,
    "mapping keys are not allowed in this context": _question,
    "found unexpected ':'": _misplaced_colon,
    "block sequence entries are not allowed in this context": _list_in_line,
    "found unexpected end of stream": _open_quote,
    "found unexpected document indicator": _open_quote,
    "found unknown escape character": _escape,
    "did not find expected hexdecimal number": _escape,
    "found invalid Unicode character escape code": _escape,
    "did not find expected alphabetic or numeric character": _name_missing,
    "did not find expected tag URI": _tag,
    "did not find the expected '>'": _tag,
    "did not find expected whitespace or line break": _tag,
    "found undefined tag handle": _tag,
    "did not find URI escaped octet": _tag,
    "did not find expected '!'": _tag,
    "did not find expected comment or line break": _block_scalar,
    "found an indentation indicator equal to 0": _block_scalar,
    "did not find expected <document start>": _after_the_end,
    "found unknown directive name": _directive,
    "could not find expected directive name": _directive,
    "found incompatible YAML document": _directive,
    "found duplicate %YAML directive": _directive,
    "found duplicate %TAG directive": _directive,
    "found extremely long version number": _directive,
    "found unexpected non-alphabetical character": _directive,
    "did not find expected whitespace": _directive,
    "did not find expected digit or '.' character": _directive,
    "did not find expected version number": _directive,
}
