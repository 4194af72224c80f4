"""Slips of YAML in one line, and the line as it was meant: `-ReLU`, `{out_channels=6}`, `kernel_size:5`, `5x5`.

A rewriting needs to be no more than plausible, since none is shown before the spec that comes of it is checked. They
stand in the order in which they are to be done where a line has several slips.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from netspec.meant import MULTIPLE, in_full
from netspec.mends import brackets
from netspec.mends.definitions import without_types
from netspec.mends.line import END, WORD, Line

_BLANKS: Final = r"[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff]"
_DASHES: Final = "–—−•*+·●▪‣"
_WIDE: Final = str.maketrans(
    dict(zip("｛｝［］（）＝－．【】", "{}[]()=-.[]", strict=True)) | {"：": ": ", "，": ", ", "；": ", ", "、": ", "}
)


# ---- characters


def _blanks(line: Line) -> str:
    return re.sub(_BLANKS, " ", re.sub(r"\u200b|\ufeff", "", line.text) if line.text[:1] != "\u200b" else line.text)


def _tabs(line: Line) -> str:
    return re.sub(r"(?<=\S)[ ]*\t+[ ]*", " ", line.text)


def _wide(line: Line) -> str:
    return re.sub(r"(?<=[:,]) {2,}", " ", line.text.translate(_WIDE)).rstrip()


def _quotes(line: Line) -> str:
    return re.sub(r"[“”„«»]", '"', re.sub(r"[‘’]", "'", line.text))


def _without_quotes(line: Line) -> str:
    return re.sub(r"[“”„«»‘’`]+([\w.]+)[“”„«»‘’`\"']+|[\"']([\w.]+)[“”„«»‘’`]", lambda m: m[1] or m[2], line.text)


def _half_quotes(line: Line) -> str:
    """`"same`, `same"`, `'same"`."""
    text = re.sub(r"(?<=[\s{\[,])(['\"])([\w.]+)(?=\s*(?:[,}\]]|$))", r"\1\2\1", line.text)
    text = re.sub(r"(?<=[\s{\[,])([\w.]+)(['\"])(?=\s*(?:[,}\]]|$))", r"\2\1\2", text)
    return re.sub(r"'([\w.]+)\"|\"([\w.]+)'", lambda m: f'"{m[1] or m[2]}"', text)


def _apostrophe(line: Line) -> str:
    """`description: 'it's a net'`."""
    return re.sub(r"^(\s*\w+: )'([^\"]*'[^\"]*)'$", r'\1"\2"', line.text)


# ---- comments


def _comment(line: Line) -> str:
    text = re.sub(r"(^|\s)//+(?![/\s]*[\d(])\s*(.*)$", r"\1# \2", line.text)  # `x // 2` is a division
    text = re.sub(r"(^|\s)/\*+\s*(.*?)\s*\*+/\s*$", r"\1# \2", text)
    text = re.sub(r"(^|\s)<!--\s*(.*?)\s*-->\s*$", r"\1# \2", text)
    return re.sub(r"^%+\s*", "# ", text)


def _blank_before_comment(line: Line) -> str:
    return re.sub(r"(?<=[\w}\]])#\s*", " # ", line.text, count=1)


def _commented_item(line: Line) -> str:
    return re.sub(r"^(\s*)-\s*#\s*", r"\1#- ", line.text)


# ---- dashes


def _dash(line: Line) -> str:
    text = re.sub(rf"^(\s*)(?:-|[{_DASHES}])(?=[A-Za-z{{$\"'“`])", r"\1- ", line.text)
    return re.sub(rf"^(\s*)(?:[{_DASHES}]+|--+|\d+[.)]) *(?=\S)", r"\1- ", text)


def _one_dash(line: Line) -> str:
    return re.sub(r"^(\s*)- +- +", r"\1- ", line.text)


def _no_dash(line: Line) -> str:
    """`- batch_size: 64` among keys."""
    return re.sub(r"^(\s*)- +(?=[a-z_]+:)", r"\1", line.text)


def _missing_dash(line: Line) -> str:
    return _with_dash(line) if re.match(r"\s*[A-Z]\w", line.text) else line.text


def _missing_dash_before_a_word(line: Line) -> str:
    """`residual:`, `unit: 64`."""
    return _with_dash(line) if re.match(r" +[a-z]\w*(?::|$)", line.text) else line.text


def _with_dash(line: Line) -> str:
    column = line.dash()
    return " " * (line.indent if column is None else column) + "- " + line.text.lstrip()


# ---- names, colons and values


def _bare(line: Line) -> str:
    """`- @ReLU`, `- [ReLU]`."""
    return re.sub(rf"^(\s*- )[@`*&!<\[({{\"']+({WORD})[`>\])}}\"']*$", r"\1\2", line.text)


def _item_in_quotes(line: Line) -> str:
    return re.sub(rf"^(\s*- )(['\"])({WORD}: .*)\2$", r"\1\3", line.text)


def _equals(line: Line) -> str:
    """`stride=2`; what is set in an object, `self.fc = …`, is no key."""
    return re.sub(rf"(?<![\w.])({WORD})\s*=\s*(?![=>])", r"\1: ", line.text)


def _arrows(line: Line) -> str:
    return re.sub(rf"({WORD})\s*(?::=|=>|->|→)\s*", r"\1: ", line.text)


def _two_colons(line: Line) -> str:
    return re.sub(r"(?<=\w):{2,}(?=\s|$)", ":", line.text)


def _colon_in_list(line: Line) -> str:
    """`[Linear: 3, Exp:]`."""
    return re.sub(rf"(?<=[\[,\s])({WORD}):(?=[\],])", r"\1", line.text)


def _blank_behind_colon(line: Line) -> str:
    return re.sub(rf"\b({WORD}):(?=[^\s:])", r"\1: ", line.text)


def _semicolons(line: Line) -> str:
    text = re.sub(r";\s*(?=\S)", ", ", line.text)
    return re.sub(rf"(?<=\d)\. +(?={WORD}:)", ", ", text)


def _comma(line: Line) -> str:
    """`6 kernel_size: 5`."""
    return re.sub(rf"(?<=[\w.\])}}'\"])(?<!:) +(?={WORD}:\s)", ", ", line.text)


def _colon(line: Line) -> str:
    """`Conv2d {…}`, `Dropout 0.5`, `kernel_size 5`, `[Resize 8]`."""
    if re.match(r"\s*(?:import|from|class|def|return|print)\b", line.text):
        return line.text
    text = re.sub(rf"(^\s*(?:- )?|[{{\[,]\s*)({WORD})\s*(?=\{{)", r"\1\2: ", line.text)
    return re.sub(rf"(^\s*(?:- )?|[{{\[,]\s*)({WORD}) +(?=[\w.'\"\[(-])(?!- )", r"\1\2: ", text)


# ---- values


def _mark_at_the_end(line: Line) -> str:
    text = line.text.rstrip()
    return text[:-1].rstrip() if text.endswith((",", ";")) else line.text


def _tuple(line: Line) -> str:
    return re.sub(rf":\s*\(\s*(\w+(?:\s*,\s*\w+)*)\s*,?\s*\){END}", r": [\1]", line.text)


def _square(line: Line) -> str:
    return re.sub(r"\b(\d+)\s?[x×X]\s?\1\b", r"\1", line.text)


def _times(line: Line) -> str:
    return re.sub(r"\b(\d+)\s?[x×X]\s?(\d+)(?:\s?[x×X]\s?(\d+))?\b",
                  lambda found: "[" + ", ".join(g for g in found.groups() if g) + "]", line.text)  # fmt: skip


def _truth(line: Line) -> str:
    text = re.sub(rf"\b({WORD}): (None|none|null|~|no|No|NO|off|Off|OFF|n|N){END}", r"\1: false", line.text)
    text = re.sub(rf"\b({WORD}): (yes|Yes|YES|on|On|ON|y|Y){END}", r"\1: true", text)
    return re.sub(rf"\b(bias|inplace|affine|batch_first|ceil_mode|nesterov|shuffle): ([01]){END}",
                  lambda m: f"{m[1]}: {'true' if m[2] == '1' else 'false'}", text)  # fmt: skip


def _percent(line: Line) -> str:
    return re.sub(r"(?<=: )(\d+(?:\.\d+)?)\s?%", lambda found: f"{float(found[1]) / 100:.12g}", line.text)


def _thousands(line: Line) -> str:
    text = re.sub(rf"(?<=: ){MULTIPLE}\b", lambda found: str(in_full(found[0]) or found[0]), line.text)
    return re.sub(rf"(?<=: )(\d{{1,3}}),(\d{{3}}){END}", r"\1\2", text)


def _decimal_comma(line: Line) -> str:
    return re.sub(rf"(?<=: )(\d+),(\d+){END}", r"\1.\2", line.text)


def _point_at_the_end(line: Line) -> str:
    return re.sub(rf"(?<=: )(\d+)\.{END}", r"\1", line.text)


def _times_of_repeat(line: Line) -> str:
    return re.sub(r"\brepeat: *[x×](\d+)|\brepeat: *(\d+)[x×]",
                  lambda found: f"repeat: {found[1] or found[2]}", line.text)  # fmt: skip


# ---- two in a line, names


def _colon_behind_signature(line: Line) -> str:
    """`conv_bn(out)`, above the items of a block."""
    below = next((text for text in line.lines[line.n + 1 :] if text.strip()), "")
    above = re.match(r"\s+-\s", below) is not None and len(below) - len(below.lstrip()) >= line.indent
    return re.sub(rf"^(\s+{WORD}\([^():]*\))$", r"\1:", line.text) if above else line.text


def _two_items(line: Line) -> str:
    """`- ReLU, Dropout: 0.5`, `- ReLU - Dropout: 0.5`."""
    found = re.match(r"( *)- |( *)\w+: (?=- )", line.text)
    if found is None:
        return line.text
    body = line.text[found.end() :].removeprefix("- ")
    column = (found[1] or "") if found[2] is None else f"{found[2]}  "
    parts = re.split(rf"(?<=[\w}}\])]) +- +(?={WORD})|(?<=[\w}}\])])[,;] *(?=[A-Z]\w*(?::|,|;|$))", body)
    if len(parts) < 2 and found[2] is None:
        return line.text
    lead = "" if found[2] is None else f"{line.text[: found.end()].rstrip()}\n"
    return lead + "\n".join(f"{column}- {part}" for part in parts)


def _loop(line: Line) -> str:
    """`- for: i in range(3): […]`."""
    return re.sub(r"^( *- )(for|repeat|when): ([^\[{:]+|[^:]+[\])]): (\[.*\])$", r"\1{\2: \3, do: \4}", line.text)


def _repeated(line: Line) -> str:
    """`- Conv2d: {…} x 3`, `- Dropout: 0.5 (x3)`."""
    return re.sub(
        r"^( *- )([A-Za-z]\w*: (?:\{.*\}|\d*\.\d+)) ?(?:[x×*] ?(\d+)|\([x×*] ?(\d+)\))$",
        lambda found: f"{found[1]}{{{found[2]}, repeat: {found[3] or found[4]}}}",
        line.text,
    )


def _two_entries(line: Line) -> str:
    """`batch_size: 64, epochs: 10`."""
    found = re.match(rf"( *){WORD}: (?=[^\s{{\[])", line.text)
    parts = re.split(rf"(?<=[\w.'\"])[,;]? +(?={WORD}: )", line.text.strip())
    return line.text if found is None or len(parts) < 2 else "\n".join(f"{found[1]}{part}" for part in parts)


def _name_in_front(line: Line) -> str:
    """`- conv1: Conv2d: {…}`."""
    return re.sub(rf"^( *)- ({WORD}): ([A-Z]\w*)(: .*)?$",
                  lambda found: f"{found[1]}- {found[3]}{found[4] or ':'}\n{found[1]}  name: {found[2]}",
                  line.text)  # fmt: skip


def _template(line: Line) -> str:
    """`{{ width * 2 }}`, `${width}`; parentheses hold together what is a part of an expression."""

    def bare(found: re.Match[str]) -> str:
        text = found[1] or found[2]
        before, behind = line.text[: found.start()].rstrip(), line.text[found.end() :].lstrip()
        whole = (before[-1:] in tuple(":,[{'\"") or before.strip() == "-") and behind[:1] in (
            "",
            ",",
            "]",
            "}",
            "'",
            '"',
        )
        return text if whole or re.fullmatch(r"\w+", text) else f"({text})"

    return re.sub(r"\$\{\s*([^{}:,'\"]+?)\s*\}|\{\{\s*([^{}:,'\"]+?)\s*\}\}", bare, line.text)


def _types(line: Line) -> str:
    """`conv_bn(out: int, kernel: int = 3):`, a signature of Python's."""
    found = re.fullmatch(rf"(\s*(?:def )?)({WORD})\((.*:.*)\)(?:\s*->[^:]*)?:", line.text.rstrip())
    text = None if found is None else without_types(f"{found[2]}({found[3]})")
    return line.text if found is None or text is None else f"{found[1].removesuffix('def ')}{text}:"


class Rewriting(NamedTuple):
    """A slip of one line."""

    title: str
    """What to do."""
    slip: str
    """What is wrong."""
    rewrite: Callable[[Line], str]
    with_others: bool = True
    """Whether it is done together with others of the same line."""
    habit: bool = False
    """Whether people who do so do it in many lines."""


REWRITINGS: Final = (
    Rewriting("write plain blanks", "here is a blank that YAML takes for a letter", _blanks, habit=True),
    Rewriting("write a blank for the tab", "a tab stands where YAML wants a blank", _tabs, habit=True),
    Rewriting("write the marks of ASCII", "here is a mark that YAML takes for a letter", _wide, habit=True),
    Rewriting("begin the comment with `#`", "a comment begins with `#`", _comment, habit=True),
    Rewriting("write a blank in front of `#`", "without a blank in front of it, `#` begins no comment",
              _blank_before_comment, habit=True),
    Rewriting("write the whole item as a comment", "what follows the dash is a comment, so there is no item",
              _commented_item, with_others=False),
    Rewriting("leave out the typographic quotes", "YAML takes quotes of this kind for letters", _without_quotes,
              with_others=False),
    Rewriting("write plain quotes", "YAML takes quotes of this kind for letters", _quotes, habit=True),
    Rewriting("write both quotes", "a quote stands on one side alone", _half_quotes, with_others=False),
    Rewriting("write double quotes", "the `'` inside ends the text", _apostrophe, with_others=False),
    Rewriting("write a dash with a blank behind it", "an item begins with a dash and a blank", _dash, habit=True),
    Rewriting("leave out one dash", "here are two dashes, which make a list of the item", _one_dash, with_others=False),
    Rewriting("begin the item with `- `", "this item has no dash", _missing_dash, with_others=False, habit=True),
    Rewriting("begin the item with `- `", "this item has no dash", _missing_dash_before_a_word, with_others=False),
    Rewriting("leave out the dash", "a dash begins an item, and here stand keys", _no_dash, with_others=False),
    Rewriting("leave out the marks around the name", "a layer's name stands by itself", _bare, with_others=False),
    Rewriting("leave out the quotes around the item", "quotes make one name of the whole item", _item_in_quotes),
    Rewriting("write `:` and a blank behind the name", "between a name and its value stands `: `", _equals),
    Rewriting("write `:` for the arrow", "between a name and its value stands `: `", _arrows, with_others=False),
    Rewriting("write one colon", "here are two colons", _two_colons),
    Rewriting("leave out the colon in front of `,` or `]`", "nothing follows this colon", _colon_in_list),
    Rewriting("write a blank behind the colon", "a blank is missing behind the colon", _blank_behind_colon, habit=True),
    Rewriting("write `:` behind the name", "a `:` is missing behind the name", _colon),
    Rewriting("write `:` behind the signature", "a `:` is missing behind the signature", _colon_behind_signature,
              with_others=False),
    Rewriting("write commas", "between arguments stands a comma", _semicolons),
    Rewriting("write a comma", "a comma is missing between two arguments", _comma),
    Rewriting("leave out the braces of the template", "an expression stands without braces", _template),
    Rewriting("leave out the types", "the signature of a block has names and defaults, and no types", _types,
              with_others=False),
    Rewriting("quote the expression", "inside `{…}` an expression with brackets has to be quoted", brackets.indexed,
              habit=True),
    Rewriting("write braces around the arguments", "arguments stand in braces", brackets.braces_for),
    Rewriting("write braces around the arguments", "arguments stand in braces", brackets.braces),
    Rewriting("write braces around the arguments", "arguments stand in braces", brackets.call, with_others=False),
    Rewriting("write the opening bracket", "a bracket is closed that is not open", brackets.opening, with_others=False),
    Rewriting("leave out one pair of braces", "here are two pairs of braces", brackets.one_pair, with_others=False),
    Rewriting("leave out one brace", "a brace is opened twice", brackets.one_opening, with_others=False),
    Rewriting("leave out the mark in front of the value", "a bracket or quote is never closed", brackets.bare_value,
              with_others=False),
    Rewriting("leave out the last bracket", "a bracket is closed twice", brackets.last_closing, with_others=False),
    Rewriting("close the bracket inside", "a bracket is not closed", brackets.inner_closing, with_others=False),
    Rewriting("write the brackets in pairs", "brackets do not match", brackets.balanced, with_others=False),
    Rewriting("close the brackets", "a bracket is not closed", brackets.closing, with_others=False),
    Rewriting("leave out the mark at the end", "no mark stands at the end of an item", _mark_at_the_end, habit=True),
    Rewriting("write a list", "a list stands in brackets", _tuple),
    Rewriting("write one number for all axes", "sizes of several axes are a list, and equal ones one number", _square,
              with_others=False),
    Rewriting("write a list", "sizes of several axes are a list", _times),
    Rewriting("write the truth value", "truth values are `true` and `false`", _truth),
    Rewriting("write the number out", "a number is written out", _thousands),
    Rewriting("write a decimal point", "a decimal point is a point", _decimal_comma),
    Rewriting("write an integer", "this is no integer", _point_at_the_end),
    Rewriting("write the share", "a share is a number from 0 to 1", _percent),
    Rewriting("write the number", "`repeat` is a number", _times_of_repeat),
    Rewriting("write commas and brackets", "the sizes are a list", brackets.numbers),
    Rewriting("write brackets around the list", "a list stands in brackets", brackets.brackets, with_others=False),
    Rewriting("write `do` in front of the list", "the items of a loop stand under a `do`", _loop, with_others=False),
    Rewriting("write `repeat` beside the item", "what is repeated has a `repeat` beside it", _repeated,
              with_others=False),
    Rewriting("write each item on a line of its own", "two items stand in one line", _two_items, with_others=False),
    Rewriting("write each on a line of its own", "two entries stand in one line", _two_entries, with_others=False),
    Rewriting("write the name beside the layer", "a layer's name stands beside it", _name_in_front, with_others=False),
)  # fmt: skip
