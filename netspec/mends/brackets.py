"""Brackets and braces of a line as they were meant: those that are missing, too many, or of another kind."""

from __future__ import annotations

import re

from netspec.mends.line import WORD, Line


def braces(line: Line) -> str:
    """`- Conv2d: out_channels: 6, kernel_size: 5`; inside braces, too."""
    text = re.sub(rf"(?<=[{{,])(\s*{WORD}:) +({WORD}: [^{{}}]*)(?=\}})", r"\1 {\2}", line.text)
    found = re.fullmatch(rf"(\s*(?:- )?{WORD}:) +({WORD}:(?: .*)?)", text.rstrip(" ,"))
    if found is None or found[2].count("{") != found[2].count("}"):
        return text
    inner = re.sub(rf"^({WORD}:) +({WORD}: .*)$", r"\1 {\2}", found[2])
    return f"{found[1]} {{{inner}}}"


def brackets(line: Line) -> str:
    """`layers: Flatten, Linear: 10`, `input: 1, 28, 28`, `transforms: Resize: 8`."""
    return re.sub(r"^(\s*(?:- )?\w+:) +([^\[\]{}(]+?)\]?$", r"\1 [\2]", line.text)


def indexed(line: Line) -> str:
    """`{out_channels: widths[i], kernel_size: 3}`: inside braces an expression with brackets is quoted, as is one with
    a comma; also in the lines of braces that a line above opens."""
    at = 0
    if not _is_within(line):
        opened = re.search(r"[{\[]", line.text)
        if opened is None or re.search(r"(?:^|[:-])\s+$", line.text[: opened.start()]) is None:
            return line.text
        at = opened.end()
    return line.text[:at] + _quoted(line.text[at:])


def _is_within(line: Line) -> bool:
    """Whether braces or brackets are open where a line begins."""
    depth = 0
    for text in line.lines[: line.n]:
        bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", text)
        depth += sum(map(bare.count, "[{")) - sum(map(bare.count, "]}"))
    return depth > 0


def _quoted(text: str) -> str:
    """The inside of braces, in which what has brackets is quoted."""
    made: list[str] = []
    at = 0
    while at < len(text):
        begin = re.compile(rf"\s*(?:{WORD}:\s+)?").match(text, at)
        start = at if begin is None else begin.end()
        made.append(text[at:start])
        quoted = re.compile(r"'[^']*'|\"[^\"]*\"").match(text, start)
        stop = _end_of_value(text, start) if quoted is None else quoted.end()
        value = text[start:stop].rstrip()
        is_expression = quoted is None and re.search(r"\w\[|\w\(.*,", value) and not re.search(r"[{}'\":]", value)
        made.append(f"'{value}'" if is_expression else text[start:stop])
        made.append(text[stop : stop + 1])
        at = stop + 1
    return "".join(made)


def _end_of_value(text: str, start: int) -> int:
    """Where a value ends that has no quotes: at a comma or bracket that is not within it."""
    if text[start : start + 1] in ("[", "{"):
        return start
    depth = 0
    for at in range(start, len(text)):
        if text[at] in "([":
            depth += 1
        elif depth and text[at] in ")]":
            depth -= 1
        elif not depth and text[at] in ",]}":
            return at
    return len(text)


def numbers(line: Line) -> str:
    """`1 28 28`, `1; 28; 28`, `{1, 28, 28}`."""
    text = re.sub(r"(?<=[\d\s\[{,])(\d+) *[ ;] *(?=\d+\b(?!\w))", r"\1, ", line.text)
    text = re.sub(r"\{(\d+(?:, *\d+)+)\}", r"[\1]", text)
    text = re.sub(r"(\w+: )\{(\d+)\}$", r"\1\2", text)
    return re.sub(r"^(\s*\w+: )(\d+(?:, *\d+)+)$", r"\1[\2]", text)


def opening(line: Line) -> str:
    """`- Conv2d: out_channels: 6}`."""
    pairs = {"}": "{", "]": "["}
    found = re.fullmatch(r"(\s*(?:- )?\w+:) +([^{}\[\]]+)([}\]])", line.text)
    return line.text if found is None else f"{found[1]} {pairs[found[3]]}{found[2]}{found[3]}"


def braces_for(line: Line) -> str:
    """`Conv2d: (a: 1, b: 2)`, `Conv2d: [a: 1, b: 2}`, `Conv2d(a=1, b=2)`."""
    head = rf"^(\s*(?:- )?{WORD})"
    return re.sub(rf"{head}(?::\s*|\s*(?=\())[(\[<](\s*{WORD}\s*[:=].*?)(?:[)\]>}}],?)?$", r"\1: {\2}", line.text)


def call(line: Line) -> str:
    """`optimizer: SGD(lr=0.01`."""
    found = re.fullmatch(rf"(\s*(?:- )?{WORD}: )({WORD})\(({WORD}\s*=.*?)\)?,?", line.text)
    if found is None:
        return line.text
    arguments = re.sub(r"\s*=\s*", ": ", found[3])
    return f"{found[1]}{{{found[2]}: {{{arguments}}}}}"


def one_pair(line: Line) -> str:
    """`{{a: 1}}`."""
    return re.sub(r"\}\s*\}$", "}", re.sub(r"\{\s*\{", "{", line.text))


def one_opening(line: Line) -> str:
    """`{{a: 1}`, and a brace around the whole file."""
    return re.sub(rf"^\{{(?={WORD}:)", "", re.sub(r"\{\s*\{", "{", line.text))


def bare_value(line: Line) -> str:
    """`Linear: [10`, `Linear: '10`."""
    return re.sub(r"(: )[\[({<'\"](\w+)$", r"\1\2", line.text)


def last_closing(line: Line) -> str:
    """`{a: 1}}`."""
    return re.sub(r"([}\])])\s*[}\])]$", r"\1", line.text)


def balanced(line: Line) -> str:
    """A bracket that is open where one around it is closed is closed before; one of another kind is replaced."""
    pairs = {"{": "}", "[": "]", "(": ")"}
    open_: list[str] = []
    made: list[str] = []
    for c in line.text:
        if c in pairs:
            open_.append(c)
        elif c in pairs.values() and open_:
            if c not in [pairs[each] for each in open_]:
                c = pairs[open_[-1]]
            while pairs[open_[-1]] != c:
                made.append(pairs[open_.pop()])
            open_.pop()
        made.append(c)
    return "".join(made)


def inner_closing(line: Line) -> str:
    """`{kernel_size: [5, 5, padding: 2}`."""
    return re.sub(rf"(\[[^\[\]{{}}]*?)(?=,\s*{WORD}:\s[^\[\]]*$)", r"\1]", line.text)


def closing(line: Line) -> str:
    """`{a: [1, 2`."""
    text = line.text.rstrip().rstrip(",")
    pairs = {"{": "}", "[": "]", "(": ")"}
    stack = [pairs[c] for c in text if c in pairs]
    closed = sum(c in "}])" for c in text)
    return text + "".join(reversed(stack[: len(stack) - closed])) if len(stack) > closed else line.text
