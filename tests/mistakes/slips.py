"""Slips of the pen in YAML: what was written, and what was meant, in each place where layers stand."""

from __future__ import annotations

from textwrap import indent
from typing import Final, NamedTuple

CONV: Final = "- Conv2d: {out_channels: 6, kernel_size: 5, padding: 2}"
OPEN: Final = "- Conv2d:\n    out_channels: 6\n    kernel_size: 5\n    padding: 2"
SAME: Final = '- Conv2d: {out_channels: 6, kernel_size: 5, padding: "same"}'
BARE: Final = "- Conv2d: {out_channels: 6, kernel_size: 5, padding: 2, bias: false}"
MIXED: Final = f"{CONV}\n- ReLU\n- Dropout: 0.5"

ITEMS: Final[dict[str, tuple[str, str]]] = {
    # dashes
    "no dash before a name": (f"{CONV}\nReLU\n- Dropout: 0.5", MIXED),
    "blanks in place of a dash": (f"{CONV}\n  ReLU\n- Dropout: 0.5", MIXED),
    "no dash before arguments": (f"- ReLU\n{CONV[2:]}\n- Dropout: 0.5", f"- ReLU\n{CONV}\n- Dropout: 0.5"),
    "blanks in place of a dash before arguments": (
        f"- ReLU\n  {CONV[2:]}\n- Dropout: 0.5",
        f"- ReLU\n{CONV}\n- Dropout: 0.5",
    ),
    "no dash before a number": (f"{CONV}\n- ReLU\nDropout: 0.5\n- Tanh", f"{MIXED}\n- Tanh"),
    "no dash before the last": (f"{CONV}\n- ReLU\nDropout: 0.5", MIXED),
    "no dash before the first": (f"{CONV[2:]}\n- ReLU\n- Dropout: 0.5", MIXED),
    "no dash before two": (f"{CONV}\nReLU\nDropout: 0.5\n- Tanh", f"{MIXED}\n- Tanh"),
    "-ReLU": (f"{CONV}\n-ReLU\n- Dropout: 0.5", MIXED),
    "-Dropout: 0.5": (f"{CONV}\n- ReLU\n-Dropout: 0.5", MIXED),
    "-Conv2d: {…}": (f"- ReLU\n-{CONV[2:]}\n- Dropout: 0.5", f"- ReLU\n{CONV}\n- Dropout: 0.5"),
    "-Conv2d: with lines": (f"- ReLU\n-{OPEN[2:]}", f"- ReLU\n{OPEN}"),
    "a no-break space behind the dash": (f"{CONV}\n-\u00a0ReLU\n- Dropout: 0.5", MIXED),
    "a no-break space behind the dash of arguments": (f"- ReLU\n-\u00a0{CONV[2:]}", f"- ReLU\n{CONV}"),
    "an ideographic space behind the dash": (f"{CONV}\n-\u3000ReLU\n- Dropout: 0.5", MIXED),
    "a zero-width space behind the dash": (f"{CONV}\n- \u200bReLU\n- Dropout: 0.5", MIXED),
    "an en dash": (f"{CONV}\n– ReLU\n- Dropout: 0.5", MIXED),
    "an em dash": (f"{CONV}\n— ReLU\n- Dropout: 0.5", MIXED),
    "a minus sign": (f"{CONV}\n− ReLU\n- Dropout: 0.5", MIXED),
    "a bullet": (f"{CONV}\n• ReLU\n- Dropout: 0.5", MIXED),
    "an asterisk": (f"{CONV}\n* ReLU\n- Dropout: 0.5", MIXED),
    "a plus": (f"{CONV}\n+ ReLU\n- Dropout: 0.5", MIXED),
    "an em dash before arguments": (f"- ReLU\n— {CONV[2:]}\n- Dropout: 0.5", f"- ReLU\n{CONV}\n- Dropout: 0.5"),
    "an asterisk before a number": (f"{CONV}\n- ReLU\n* Dropout: 0.5", MIXED),
    "numbers for dashes": (f"1. {CONV[2:]}\n2. ReLU\n3. Dropout: 0.5", MIXED),
    "two dashes": (f"{CONV}\n-- ReLU\n- Dropout: 0.5", MIXED),
    "a dash too many": (f"{CONV}\n- - ReLU\n- Dropout: 0.5", MIXED),
    "a dash too many before arguments": (f"- - {CONV[2:]}\n- ReLU", f"{CONV}\n- ReLU"),
    "dashes before arguments": (
        "- Conv2d:\n    - out_channels: 6\n    - kernel_size: 5\n    - padding: 2\n- ReLU",
        f"{OPEN}\n- ReLU",
    ),
    # indentation
    "indented by one more": (f"{CONV}\n - ReLU\n- Dropout: 0.5", MIXED),
    "indented by two more": (f"{CONV}\n  - ReLU\n- Dropout: 0.5", MIXED),
    "indented by four more": (f"{CONV}\n    - ReLU\n- Dropout: 0.5", MIXED),
    "arguments indented by one more": (f"- ReLU\n {CONV}\n- Dropout: 0.5", f"- ReLU\n{CONV}\n- Dropout: 0.5"),
    "a number indented by two more": (f"{CONV}\n- ReLU\n  - Dropout: 0.5\n- Tanh", f"{MIXED}\n- Tanh"),
    "an argument indented by one less": ("- Conv2d:\n    out_channels: 6\n   kernel_size: 5\n    padding: 2", OPEN),
    "an argument indented by one more": ("- Conv2d:\n    out_channels: 6\n     kernel_size: 5\n    padding: 2", OPEN),
    "the first argument indented by one less": (
        "- Conv2d:\n   out_channels: 6\n    kernel_size: 5\n    padding: 2",
        OPEN,
    ),
    "the last argument indented by one less": (
        "- Conv2d:\n    out_channels: 6\n    kernel_size: 5\n   padding: 2",
        OPEN,
    ),
    "arguments level with their layer": ("- Conv2d:\n  out_channels: 6\n  kernel_size: 5\n  padding: 2", OPEN),
    "arguments level with the dash": (
        "- Conv2d:\nout_channels: 6\nkernel_size: 5\npadding: 2\n- ReLU",
        f"{OPEN}\n- ReLU",
    ),
    "a tab before an item": (f"{CONV}\n\t- ReLU\n- Dropout: 0.5", MIXED),
    "a tab before an argument": ("- Conv2d:\n    out_channels: 6\n\tkernel_size: 5\n    padding: 2", OPEN),
    "tabs before all arguments": ("- Conv2d:\n\tout_channels: 6\n\tkernel_size: 5\n\tpadding: 2", OPEN),
    "a tab behind the dash": (f"-\t{CONV[2:]}\n- ReLU", f"{CONV}\n- ReLU"),
    # colons
    "no colon before a brace": ("- Conv2d {out_channels: 6, kernel_size: 5, padding: 2}\n- ReLU", f"{CONV}\n- ReLU"),
    "no blank and no colon before a brace": ("- Conv2d{out_channels: 6, kernel_size: 5, padding: 2}", CONV),
    "no blank before a brace": ("- Conv2d:{out_channels: 6, kernel_size: 5, padding: 2}\n- ReLU", f"{CONV}\n- ReLU"),
    "no colon before a number": ("- ReLU\n- Dropout 0.5\n- Tanh", "- ReLU\n- Dropout: 0.5\n- Tanh"),
    "no blank behind the colon of a layer": ("- ReLU\n- Dropout:0.5\n- Tanh", "- ReLU\n- Dropout: 0.5\n- Tanh"),
    "no blank behind a colon": ("- Conv2d: {out_channels: 6, kernel_size:5, padding: 2}\n- ReLU", f"{CONV}\n- ReLU"),
    "no blank behind any colon": ("- Conv2d: {out_channels:6, kernel_size:5, padding:2}", CONV),
    "no blanks at all": ("- Conv2d:{out_channels:6,kernel_size:5,padding:2}\n- ReLU", f"{CONV}\n- ReLU"),
    "no blank behind the colon of a line": ("- Conv2d:\n    out_channels: 6\n    kernel_size:5\n    padding: 2", OPEN),
    "no blank behind the first colon of lines": (
        "- Conv2d:\n    out_channels:6\n    kernel_size: 5\n    padding: 2",
        OPEN,
    ),
    "no colon in braces": ("- Conv2d: {out_channels: 6, kernel_size 5, padding: 2}\n- ReLU", f"{CONV}\n- ReLU"),
    "no colon in a line": ("- Conv2d:\n    out_channels: 6\n    kernel_size 5\n    padding: 2", OPEN),
    "no colon above lines": (
        "- Conv2d\n    out_channels: 6\n    kernel_size: 5\n    padding: 2\n- ReLU",
        f"{OPEN}\n- ReLU",
    ),
    "two colons": ("- Conv2d:: {out_channels: 6, kernel_size: 5, padding: 2}\n- ReLU", f"{CONV}\n- ReLU"),
    "a full-width colon": ("- Conv2d： {out_channels: 6, kernel_size: 5, padding: 2}\n- ReLU", f"{CONV}\n- ReLU"),
    "a full-width colon in braces": ("- Conv2d: {out_channels： 6, kernel_size: 5, padding: 2}", CONV),
    "a full-width colon before a number": ("- ReLU\n- Dropout：0.5", "- ReLU\n- Dropout: 0.5"),
    "full-width commas": ("- Conv2d: {out_channels: 6， kernel_size: 5， padding: 2}\n- ReLU", f"{CONV}\n- ReLU"),
    "full-width braces": ("- Conv2d: ｛out_channels: 6, kernel_size: 5, padding: 2｝\n- ReLU", f"{CONV}\n- ReLU"),
    "equals signs": ("- Conv2d: {out_channels=6, kernel_size=5, padding=2}\n- ReLU", f"{CONV}\n- ReLU"),
    "one equals sign": ("- Conv2d: {out_channels: 6, kernel_size=5, padding: 2}\n- ReLU", f"{CONV}\n- ReLU"),
    "an equals sign in a line": ("- Conv2d:\n    out_channels: 6\n    kernel_size = 5\n    padding: 2", OPEN),
    "an equals sign behind a layer": ("- ReLU\n- Dropout = 0.5\n- Tanh", "- ReLU\n- Dropout: 0.5\n- Tanh"),
    "an equals sign before braces": ("- Conv2d = {out_channels: 6, kernel_size: 5, padding: 2}", CONV),
    "arrows": ("- Conv2d: {out_channels => 6, kernel_size => 5, padding => 2}\n- ReLU", f"{CONV}\n- ReLU"),
    "an arrow behind a layer": ("- ReLU\n- Dropout => 0.5\n- Tanh", "- ReLU\n- Dropout: 0.5\n- Tanh"),
    "a thin arrow": ("- ReLU\n- Dropout -> 0.5\n- Tanh", "- ReLU\n- Dropout: 0.5\n- Tanh"),
    "colon and equals sign": ("- ReLU\n- Dropout := 0.5\n- Tanh", "- ReLU\n- Dropout: 0.5\n- Tanh"),
    # brackets and braces
    "no braces": ("- Conv2d: out_channels: 6, kernel_size: 5, padding: 2\n- ReLU", f"{CONV}\n- ReLU"),
    "no braces around one": ("- ReLU\n- Dropout: p: 0.5\n- Tanh", "- ReLU\n- Dropout: {p: 0.5}\n- Tanh"),
    "no braces, the rest below": ("- Conv2d: out_channels: 6\n    kernel_size: 5\n    padding: 2", OPEN),
    "no braces, equals signs": ("- Conv2d: out_channels=6, kernel_size=5, padding=2\n- ReLU", f"{CONV}\n- ReLU"),
    "no braces, no colon, equals signs": ("- Conv2d out_channels=6 kernel_size=5 padding=2\n- ReLU", f"{CONV}\n- ReLU"),
    "no braces, no commas": ("- Conv2d: out_channels: 6 kernel_size: 5 padding: 2\n- ReLU", f"{CONV}\n- ReLU"),
    "never closed": ("- Conv2d: {out_channels: 6, kernel_size: 5, padding: 2\n- ReLU", f"{CONV}\n- ReLU"),
    "never closed, the last": ("- ReLU\n- Conv2d: {out_channels: 6, kernel_size: 5, padding: 2", f"- ReLU\n{CONV}"),
    "never opened": ("- Conv2d: out_channels: 6, kernel_size: 5, padding: 2}\n- ReLU", f"{CONV}\n- ReLU"),
    "closed twice": ("- Conv2d: {out_channels: 6, kernel_size: 5, padding: 2}}\n- ReLU", f"{CONV}\n- ReLU"),
    "opened twice": ("- Conv2d: {{out_channels: 6, kernel_size: 5, padding: 2}\n- ReLU", f"{CONV}\n- ReLU"),
    "two pairs": ("- Conv2d: {{out_channels: 6, kernel_size: 5, padding: 2}}\n- ReLU", f"{CONV}\n- ReLU"),
    "closed by a bracket": ("- Conv2d: {out_channels: 6, kernel_size: 5, padding: 2]\n- ReLU", f"{CONV}\n- ReLU"),
    "opened by a bracket": ("- Conv2d: [out_channels: 6, kernel_size: 5, padding: 2}\n- ReLU", f"{CONV}\n- ReLU"),
    "closed by a parenthesis": ("- Conv2d: {out_channels: 6, kernel_size: 5, padding: 2)\n- ReLU", f"{CONV}\n- ReLU"),
    "brackets for braces": ("- Conv2d: [out_channels: 6, kernel_size: 5, padding: 2]\n- ReLU", f"{CONV}\n- ReLU"),
    "parentheses for braces": ("- Conv2d: (out_channels: 6, kernel_size: 5, padding: 2)\n- ReLU", f"{CONV}\n- ReLU"),
    "angle brackets": ("- Conv2d: <out_channels: 6, kernel_size: 5, padding: 2>\n- ReLU", f"{CONV}\n- ReLU"),
    "the outer brace is never closed": (
        "- {Conv2d: {out_channels: 6, kernel_size: 5, padding: 2}\n- ReLU",
        "- {Conv2d: {out_channels: 6, kernel_size: 5, padding: 2}}\n- ReLU",
    ),
    "a bracket in braces is never closed": (
        "- Conv2d: {out_channels: 6, kernel_size: [5, 5, padding: 2}\n- ReLU",
        "- Conv2d: {out_channels: 6, kernel_size: [5, 5], padding: 2}\n- ReLU",
    ),
    "a bracket closed by the brace": (
        "- Conv2d: {out_channels: 6, padding: 2, kernel_size: [5, 5}\n- ReLU",
        "- Conv2d: {out_channels: 6, padding: 2, kernel_size: [5, 5]}\n- ReLU",
    ),
    "never closed over lines": (
        "- Conv2d: {out_channels: 6,\n           kernel_size: 5, padding: 2\n- ReLU",
        "- Conv2d: {out_channels: 6,\n           kernel_size: 5, padding: 2}\n- ReLU",
    ),
    "a brace alone": (
        "- Conv2d: {\n    out_channels: 6,\n    kernel_size: 5,\n    padding: 2\n- ReLU",
        f"{CONV}\n- ReLU",
    ),
    # commas
    "no comma": ("- Conv2d: {out_channels: 6 kernel_size: 5, padding: 2}\n- ReLU", f"{CONV}\n- ReLU"),
    "no commas": ("- Conv2d: {out_channels: 6 kernel_size: 5 padding: 2}\n- ReLU", f"{CONV}\n- ReLU"),
    "no commas between lines": (
        "- Conv2d: {out_channels: 6\n           kernel_size: 5\n           padding: 2}\n- ReLU",
        f"{CONV}\n- ReLU",
    ),
    "no comma in a list": (
        "- Conv2d: {out_channels: 6, kernel_size: [5 5], padding: 2}",
        "- Conv2d: {out_channels: 6, kernel_size: [5, 5], padding: 2}",
    ),
    "two commas": ("- Conv2d: {out_channels: 6,, kernel_size: 5, padding: 2}\n- ReLU", f"{CONV}\n- ReLU"),
    "no blank behind commas": ("- Conv2d: {out_channels: 6,kernel_size:5,padding: 2}\n- ReLU", f"{CONV}\n- ReLU"),
    "a point for a comma": ("- Conv2d: {out_channels: 6, kernel_size: 5. padding: 2}\n- ReLU", f"{CONV}\n- ReLU"),
    "semicolons for commas": ("- Conv2d: {out_channels: 6; kernel_size: 5; padding: 2}\n- ReLU", f"{CONV}\n- ReLU"),
    "a comma behind a brace": (f"{CONV},\n- ReLU", f"{CONV}\n- ReLU"),
    "a comma behind a name": (f"{CONV}\n- ReLU,\n- Dropout: 0.5", MIXED),
    "a comma behind a number": (f"{CONV}\n- ReLU\n- Dropout: 0.5,\n- Tanh", f"{MIXED}\n- Tanh"),
    "commas behind all": (f"{CONV},\n- ReLU,\n- Dropout: 0.5,", MIXED),
    "commas behind arguments": (
        "- Conv2d:\n    out_channels: 6,\n    kernel_size: 5,\n    padding: 2\n- ReLU",
        f"{OPEN}\n- ReLU",
    ),
    "a semicolon behind a name": (f"{CONV}\n- ReLU;\n- Dropout: 0.5", MIXED),
    "a semicolon behind a brace": (f"{CONV};\n- ReLU", f"{CONV}\n- ReLU"),
    "semicolons behind all": (f"{CONV};\n- ReLU;\n- Dropout: 0.5;", MIXED),
    "two arguments in a line": ("- Conv2d:\n    out_channels: 6, kernel_size: 5\n    padding: 2", OPEN),
    "two arguments in a line without a comma": ("- Conv2d:\n    out_channels: 6 kernel_size: 5\n    padding: 2", OPEN),
    "two items in a line": (f"{CONV}\n- ReLU - Dropout: 0.5", MIXED),
    "two items in a line with a comma": (f"{CONV}\n- ReLU, Dropout: 0.5", MIXED),
    "two names in a line with a comma": (f"{CONV}\n- ReLU, Tanh", f"{CONV}\n- ReLU\n- Tanh"),
    "two names in a line": (f"{CONV}\n- ReLU - Tanh", f"{CONV}\n- ReLU\n- Tanh"),
    # quotes
    "typographic quotes": ("- Conv2d: {out_channels: 6, kernel_size: 5, padding: “same”}", SAME),
    "single typographic quotes": ("- Conv2d: {out_channels: 6, kernel_size: 5, padding: ‘same’}", SAME),
    "half typographic quotes": (
        '- Conv2d: {out_channels: 6, kernel_size: 5, padding: "same”}\n- ReLU',
        f"{SAME}\n- ReLU",
    ),
    "backticks": ("- Conv2d: {out_channels: 6, kernel_size: 5, padding: `same`}", SAME),
    "a quote never closed": ('- Conv2d: {out_channels: 6, kernel_size: 5, padding: "same}\n- ReLU', f"{SAME}\n- ReLU"),
    "a quote never opened": ('- Conv2d: {out_channels: 6, kernel_size: 5, padding: same"}\n- ReLU', f"{SAME}\n- ReLU"),
    "quotes of two kinds": ("- Conv2d: {out_channels: 6, kernel_size: 5, padding: 'same\"}\n- ReLU", f"{SAME}\n- ReLU"),
    "a name in half quotes": (f'{CONV}\n- "ReLU\n- Dropout: 0.5', MIXED),
    "a name in typographic quotes": (f"{CONV}\n- “ReLU”\n- Dropout: 0.5", MIXED),
    "a layer in typographic quotes": ("- “Conv2d”: {out_channels: 6, kernel_size: 5, padding: 2}", CONV),
    "an item in quotes": (f'{CONV}\n- "Dropout: 0.5"', f"{CONV}\n- Dropout: 0.5"),
    "a number in quotes": ('- Conv2d: {out_channels: "6", kernel_size: 5, padding: 2}', CONV),
    "a number in typographic quotes": ("- Conv2d: {out_channels: 6, kernel_size: “5”, padding: 2}", CONV),
    # values
    "5x5": ("- Conv2d: {out_channels: 6, kernel_size: 5x5, padding: 2}", CONV),
    "5 × 5": ("- Conv2d: {out_channels: 6, kernel_size: 5 × 5, padding: 2}", CONV),
    "5x3": (
        "- Conv2d: {out_channels: 6, kernel_size: 5x3, padding: [2, 1]}",
        "- Conv2d: {out_channels: 6, kernel_size: [5, 3], padding: [2, 1]}",
    ),
    "(5, 3)": (
        "- Conv2d: {out_channels: 6, kernel_size: (5, 3), padding: (2, 1)}",
        "- Conv2d: {out_channels: 6, kernel_size: [5, 3], padding: [2, 1]}",
    ),
    "5x5 in a line": ("- Conv2d:\n    out_channels: 6\n    kernel_size: 5x5\n    padding: 2", OPEN),
    "None for false": ("- Conv2d: {out_channels: 6, kernel_size: 5, padding: 2, bias: None}", BARE),
    "no for false": ("- Conv2d: {out_channels: 6, kernel_size: 5, padding: 2, bias: no}", BARE),
    "off for false": ("- Conv2d: {out_channels: 6, kernel_size: 5, padding: 2, bias: Off}", BARE),
    "0 for false": ("- Conv2d: {out_channels: 6, kernel_size: 5, padding: 2, bias: 0}", BARE),
    "yes for true": (
        "- Conv2d: {out_channels: 6, kernel_size: 5, padding: 2, bias: yes}",
        "- Conv2d: {out_channels: 6, kernel_size: 5, padding: 2, bias: true}",
    ),
    "None in a line": (
        "- Conv2d:\n    out_channels: 6\n    kernel_size: 5\n    padding: 2\n    bias: None",
        f"{OPEN}\n    bias: false",
    ),
    "a share in hundredths": ("- Dropout: 50%\n- ReLU", "- Dropout: 0.5\n- ReLU"),
    "a decimal comma": ("- Dropout: 0,5\n- ReLU", "- Dropout: 0.5\n- ReLU"),
    "a decimal comma in braces": ("- Dropout: {p: 0,5}\n- ReLU", "- Dropout: {p: 0.5}\n- ReLU"),
    # Python
    "ReLU()": (f"{CONV}\n- ReLU()\n- Dropout: 0.5", MIXED),
    "Dropout(0.5)": (f"{CONV}\n- ReLU\n- Dropout(0.5)", MIXED),
    "Conv2d(…=…)": ("- Conv2d(out_channels=6, kernel_size=5, padding=2)\n- ReLU", f"{CONV}\n- ReLU"),
    "Conv2d(…: …)": ("- Conv2d(out_channels: 6, kernel_size: 5, padding: 2)\n- ReLU", f"{CONV}\n- ReLU"),
    "Conv2d(6, 5, …)": ("- Conv2d(6, 5, padding=2)\n- ReLU", f"{CONV}\n- ReLU"),
    "a call never closed": ("- Conv2d(out_channels=6, kernel_size=5, padding=2\n- ReLU", f"{CONV}\n- ReLU"),
    "@ReLU": (f"{CONV}\n- @ReLU\n- Dropout: 0.5", MIXED),
    "`ReLU`": (f"{CONV}\n- `ReLU`\n- Dropout: 0.5", MIXED),
    "*ReLU": (f"{CONV}\n- *ReLU\n- Dropout: 0.5", MIXED),
    "&ReLU": (f"{CONV}\n- &ReLU\n- Dropout: 0.5", MIXED),
    "!ReLU": (f"{CONV}\n- !ReLU\n- Dropout: 0.5", MIXED),
    "<ReLU>": (f"{CONV}\n- <ReLU>\n- Dropout: 0.5", MIXED),
    "[ReLU]": (f"{CONV}\n- [ReLU]\n- Dropout: 0.5", MIXED),
    "{ReLU}": (f"{CONV}\n- {{ReLU}}\n- Dropout: 0.5", MIXED),
    "(ReLU)": (f"{CONV}\n- (ReLU)\n- Dropout: 0.5", MIXED),
    # comments
    "// behind a name": (
        f"{CONV}\n- ReLU // so it bends\n- Dropout: 0.5",
        f"{CONV}\n- ReLU # so it bends\n- Dropout: 0.5",
    ),
    "// behind a brace": (f"{CONV} // first\n- ReLU", f"{CONV} # first\n- ReLU"),
    "// behind a number": (f"{CONV}\n- Dropout: 0.5 // much\n- ReLU", f"{CONV}\n- Dropout: 0.5 # much\n- ReLU"),
    "a line of //": (f"{CONV}\n// then bend\n- ReLU", f"{CONV}\n# then bend\n- ReLU"),
    "a line of // with a colon": (f"{CONV}\n// then: bend\n- ReLU", f"{CONV}\n# then: bend\n- ReLU"),
    "a comment in /* */": (f"{CONV} /* first */\n- ReLU", f"{CONV} # first\n- ReLU"),
    "a line in /* */": (f"{CONV}\n/* then bend */\n- ReLU", f"{CONV}\n# then bend\n- ReLU"),
    "no blank before #": (
        f"{CONV}\n- ReLU# so it bends\n- Dropout: 0.5",
        f"{CONV}\n- ReLU # so it bends\n- Dropout: 0.5",
    ),
    "no blank before # behind a brace": (f"{CONV}# first\n- ReLU", f"{CONV} # first\n- ReLU"),
    "a commented dash": (f"{CONV}\n-#ReLU\n- Dropout: 0.5", f"{CONV}\n#- ReLU\n- Dropout: 0.5"),
    # twice
    "an argument twice": (
        "- Conv2d: {out_channels: 6, kernel_size: 5, padding: 2, kernel_size: 5}\n- ReLU",
        f"{CONV}\n- ReLU",
    ),
    "an argument twice in lines": (
        "- Conv2d:\n    out_channels: 6\n    kernel_size: 5\n    padding: 2\n    padding: 2",
        OPEN,
    ),
}

TOP: Final[dict[str, tuple[str, str]]] = {
    "input: 1, 8, 8": ("input: 1, 8, 8\n", ""),
    "input: (1, 8, 8)": ("input: (1, 8, 8)\n", ""),
    "input: 1x8x8": ("input: 1x8x8\n", ""),
    "input: 1 8 8": ("input: 1 8 8\n", ""),
    "input: [1 8 8]": ("input: [1 8 8]\n", ""),
    "input: [1; 8; 8]": ("input: [1; 8; 8]\n", ""),
    "input: {1, 8, 8}": ("input: {1, 8, 8}\n", ""),
    "input: [1, 8, 8": ("input: [1, 8, 8\n", ""),
    "input: [1, 8, 8)": ("input: [1, 8, 8)\n", ""),
    "input: 1, 8, 8]": ("input: 1, 8, 8]\n", ""),
    "input: [1, 8, 8]]": ("input: [1, 8, 8]]\n", ""),
    "input:[1, 8, 8]": ("input:[1, 8, 8]\n", ""),
    "input [1, 8, 8]": ("input [1, 8, 8]\n", ""),
    "input = [1, 8, 8]": ("input = [1, 8, 8]\n", ""),
    "input： [1, 8, 8]": ("input： [1, 8, 8]\n", ""),
    "input: [1, 8, 8],": ("input: [1, 8, 8],\n", ""),
    "input: [1, 8, 8];": ("input: [1, 8, 8];\n", ""),
    "input: [1，8，8]": ("input: [1，8，8]\n", ""),
    "input: [1, 8, 8] // …": ("input: [1, 8, 8] // grey\n", ""),
    "a tab before input": ("\tinput: [1, 8, 8]\n", ""),
    "a blank before input": (" input: [1, 8, 8]\n", ""),
    "a brace around all": ("{input: [1, 8, 8]\n", ""),
    "- input": ("- input: [1, 8, 8]\n", ""),
    "a %": ("% a net\ninput: [1, 8, 8]\n", "# a net\n"),
    "// above": ("// a net\ninput: [1, 8, 8]\n", "# a net\n"),
    "no colon behind description": ("description a small net\ninput: [1, 8, 8]\n", "description: a small net\n"),
    "a colon in the description": ("description: small: a net\ninput: [1, 8, 8]\n", "description: 'small: a net'\n"),
    "a quote in the description": ("description: 'it's a net'\ninput: [1, 8, 8]\n", "description: it's a net\n"),
    "no blank behind name:": ("name:small\ninput: [1, 8, 8]\n", "name: small\n"),
    "input twice": ("input: [1, 8, 8]\ninput: [1, 8, 8]\n", ""),
}
"""What stands above the layers, for `input: [1, 8, 8]`, with another key in front of it or none."""

LAYERS: Final[dict[str, tuple[str, str]]] = {
    name: (wrong, "layers:\n  - Flatten\n  - Linear: 10")
    for name, wrong in {
        "layers without a colon": "layers\n  - Flatten\n  - Linear: 10",
        "layers without a colon, not indented": "layers\n- Flatten\n- Linear: 10",
        "layers =": "layers =\n  - Flatten\n  - Linear: 10",
        "layers：": "layers：\n  - Flatten\n  - Linear: 10",
        "layers: behind it the first": "layers: - Flatten\n  - Linear: 10",
        "layers: in a line": "layers: - Flatten - Linear: 10",
        "layers: a bracket": "layers: [Flatten, Linear: 10",
        "layers: two brackets": "layers: [Flatten, Linear: 10]]",
        "layers: no brackets": "layers: Flatten, Linear: 10",
        "layers: no dashes": "layers:\n  Flatten\n  Linear: 10",
        "layers: no dashes at the colons": "layers:\n  Flatten:\n  Linear: 10",
        "layers: bracket over lines": "layers: [\n  Flatten,\n  Linear: 10,\n",
        "layers: bracket with dashes": "layers: [\n  - Flatten\n  - Linear: 10\n]",
        "layers: brace over lines": "layers: {\n  Flatten,\n  Linear: 10,\n}",
        "layers indented": "  layers:\n  - Flatten\n  - Linear: 10",
        "- layers": "- layers:\n  - Flatten\n  - Linear: 10",
        "no key": "- Flatten\n- Linear: 10",
        "no blanks behind dashes": "layers:\n  -Flatten\n  -Linear: 10",
        "tabs before all": "layers:\n\t- Flatten\n\t- Linear: 10",
        "asterisks": "layers:\n  * Flatten\n  * Linear: 10",
        "em dashes": "layers:\n  — Flatten\n  — Linear: 10",
        "no-break spaces": "layers:\n\u00a0\u00a0- Flatten\n\u00a0\u00a0- Linear: 10",
        "Linear 10": "layers:\n  - Flatten\n  - Linear 10",
        "Linear:10": "layers:\n  - Flatten\n  - Linear:10",
        "Linear: 10.": "layers:\n  - Flatten\n  - Linear: 10.",
        "Linear: 10,": "layers:\n  - Flatten\n  - Linear: 10,",
        "Linear: {10}": "layers:\n  - Flatten\n  - Linear: {10}",
        "Linear: [10": "layers:\n  - Flatten\n  - Linear: [10",
        "Linear: '10": "layers:\n  - Flatten\n  - Linear: '10",
    }.items()
} | {
    "Linear: 2k": ("layers:\n  - Flatten\n  - Linear: 2k", "layers:\n  - Flatten\n  - Linear: 2000"),
    "Linear: 2.5k": ("layers:\n  - Flatten\n  - Linear: 2.5k", "layers:\n  - Flatten\n  - Linear: 2500"),
    "Linear: 1M": ("layers:\n  - Flatten\n  - Linear: 1M", "layers:\n  - Flatten\n  - Linear: 1000000"),
    "Linear: 1,000": ("layers:\n  - Flatten\n  - Linear: 1,000", "layers:\n  - Flatten\n  - Linear: 1000"),
    "Linear: 1_000": ("layers:\n  - Flatten\n  - Linear: 1_000", "layers:\n  - Flatten\n  - Linear: 1000"),
    "out_features: 2k": (
        "layers:\n  - Flatten\n  - Linear: {out_features: 2k}",
        "layers:\n  - Flatten\n  - Linear: {out_features: 2000}",
    ),
}

TRAIN: Final = """\
train:
  data: FashionMNIST
  transforms: [Resize: 8]
  batch_size: 64
  epochs: 10
  optimizer: {SGD: {lr: 0.01, momentum: 0.9}}
  loss: CrossEntropyLoss"""

RECIPE: Final[dict[str, tuple[str, str]]] = {
    "train without a colon": ("train:\n", "train\n"),
    "train =": ("train:\n", "train =\n"),
    "data without a colon": ("data: ", "data "),
    "data:": ("data: ", "data:"),
    "data in typographic quotes": ("FashionMNIST", "“FashionMNIST”"),
    "data with a comma": ("FashionMNIST", "FashionMNIST,"),
    "data in half quotes": ("FashionMNIST", "'FashionMNIST"),
    "data with a dash": ("  data: ", "  - data: "),
    "data indented by one more": ("  data: ", "   data: "),
    "data not indented": ("  data: ", "data: "),
    "data behind a tab": ("  data: ", "\tdata: "),
    "data and size in a line": ("FashionMNIST\n  ", "FashionMNIST, "),
    "transforms never closed": ("[Resize: 8]", "[Resize: 8"),
    "transforms closed by a brace": ("[Resize: 8]", "[Resize: 8}"),
    "transforms without brackets": ("[Resize: 8]", "Resize: 8"),
    "transforms without a colon": ("[Resize: 8]", "[Resize 8]"),
    "transforms without a blank": ("[Resize: 8]", "[Resize:8]"),
    "transforms with an equals sign": ("[Resize: 8]", "[Resize=8]"),
    "transforms as a call": ("[Resize: 8]", "[Resize(8)]"),
    "transforms in a list without a dash": ("[Resize: 8]", "\n    Resize: 8"),
    "batch_size without a colon": ("batch_size: 64", "batch_size 64"),
    "batch_size without a blank": ("batch_size: 64", "batch_size:64"),
    "batch_size with an equals sign": ("batch_size: 64", "batch_size=64"),
    "batch_size with an equals sign and blanks": ("batch_size: 64", "batch_size = 64"),
    "batch_size with a full-width colon": ("batch_size: 64", "batch_size：64"),
    "batch_size with a semicolon": ("batch_size: 64", "batch_size: 64;"),
    "batch_size with a comma": ("batch_size: 64", "batch_size: 64,"),
    "batch_size with an arrow": ("batch_size: 64", "batch_size => 64"),
    "batch_size in quotes": ("batch_size: 64", 'batch_size: "64"'),
    "batch_size indented by one more": ("  batch_size", "   batch_size"),
    "batch_size indented by one less": ("  batch_size", " batch_size"),
    "batch_size behind a tab": ("  batch_size", "\tbatch_size"),
    "batch_size behind a dash": ("  batch_size", "  - batch_size"),
    "batch_size with a comment of //": ("batch_size: 64", "batch_size: 64 // small"),
    "batch_size and epochs in a line": ("batch_size: 64\n  epochs: 10", "batch_size: 64, epochs: 10"),
    "batch_size and epochs in a line without a comma": ("batch_size: 64\n  epochs: 10", "batch_size: 64 epochs: 10"),
    "batch_size twice": ("batch_size: 64", "batch_size: 64\n  batch_size: 64"),
    "optimizer without braces": ("{SGD: {lr: 0.01, momentum: 0.9}}", "SGD: {lr: 0.01, momentum: 0.9}"),
    "optimizer without inner braces": ("{SGD: {lr: 0.01, momentum: 0.9}}", "{SGD: lr: 0.01, momentum: 0.9}"),
    "optimizer without any braces": ("{SGD: {lr: 0.01, momentum: 0.9}}", "SGD: lr: 0.01, momentum: 0.9"),
    "optimizer never closed": ("{SGD: {lr: 0.01, momentum: 0.9}}", "{SGD: {lr: 0.01, momentum: 0.9}"),
    "optimizer never closed at all": ("{SGD: {lr: 0.01, momentum: 0.9}}", "{SGD: {lr: 0.01, momentum: 0.9"),
    "optimizer closed twice": ("{SGD: {lr: 0.01, momentum: 0.9}}", "{SGD: {lr: 0.01, momentum: 0.9}}}"),
    "optimizer without a colon": ("{SGD: {lr: 0.01, momentum: 0.9}}", "{SGD {lr: 0.01, momentum: 0.9}}"),
    "optimizer with equals signs": ("{SGD: {lr: 0.01, momentum: 0.9}}", "{SGD: {lr=0.01, momentum=0.9}}"),
    "optimizer without a blank": ("{SGD: {lr: 0.01, momentum: 0.9}}", "{SGD: {lr:0.01, momentum: 0.9}}"),
    "optimizer without a comma": ("{SGD: {lr: 0.01, momentum: 0.9}}", "{SGD: {lr: 0.01 momentum: 0.9}}"),
    "optimizer with a semicolon": ("{SGD: {lr: 0.01, momentum: 0.9}}", "{SGD: {lr: 0.01; momentum: 0.9}}"),
    "optimizer with decimal commas": ("{SGD: {lr: 0.01, momentum: 0.9}}", "{SGD: {lr: 0,01, momentum: 0,9}}"),
    "optimizer as a call": ("{SGD: {lr: 0.01, momentum: 0.9}}", "SGD(lr=0.01, momentum=0.9)"),
    "optimizer as a call never closed": ("{SGD: {lr: 0.01, momentum: 0.9}}", "SGD(lr=0.01, momentum=0.9"),
    "optimizer with lines level": (
        "{SGD: {lr: 0.01, momentum: 0.9}}",
        "\n    SGD:\n    lr: 0.01\n    momentum: 0.9",
    ),
    "loss in typographic quotes": ("CrossEntropyLoss", "“CrossEntropyLoss”"),
    "loss as a call": ("CrossEntropyLoss", "CrossEntropyLoss()"),
    "loss in a quote never closed": ("CrossEntropyLoss", '"CrossEntropyLoss'),
    "loss without a colon": ("loss: ", "loss "),
    "loss indented by two more": ("  loss", "    loss"),
    "loss with a comma": ("CrossEntropyLoss", "CrossEntropyLoss,"),
}
"""What is meant, and what is written in its place, in `TRAIN`."""


class Slip(NamedTuple):
    """A spec with one slip, and the one that was meant."""

    name: str
    wrong: str
    right: str


PLACES: Final = {
    "chain": (2, "input: [6, 8, 8]\nlayers:\n  - BatchNorm2d\n{}\n  - Flatten\n  - Linear: 10\n"),
    "block": (
        4,
        "input: [1, 8, 8]\nblocks:\n  unit(width):\n    - Conv2d: {{out_channels: width, kernel_size: 1}}\n{}\n"
        "    - BatchNorm2d\nlayers:\n  - unit: 6\n  - Flatten\n  - Linear: 10\n",
    ),
    "branch": (
        6,
        "input: [6, 8, 8]\nlayers:\n  - residual:\n      - BatchNorm2d\n{}\n  - Flatten\n  - Linear: 10\n",
    ),
}
"""Where items may stand: their column, and the spec around them."""

_BODY: Final = "layers:\n  - Flatten\n  - Linear: 10\n"


def slips(every: bool) -> list[Slip]:
    """Each slip among items in every place, or in one; and those of the rest of a spec."""
    made: list[Slip] = []
    for i, (name, (wrong, right)) in enumerate(ITEMS.items()):
        for j, (place, (column, around)) in enumerate(PLACES.items()):
            if every or j == i % len(PLACES):
                texts = [around.format(indent(text, " " * column)) for text in (wrong, right)]
                made.append(Slip(f"{place}: {name}", *texts))
    for name, (wrong, above) in TOP.items():
        made.append(Slip(f"top: {name}", wrong + _BODY, f"{above}input: [1, 8, 8]\n{_BODY}"))
    for i, (name, pair) in enumerate(LAYERS.items()):
        below = f"\n{TRAIN}" if i % 2 and "Linear: 10" in pair[1] else ""
        made.append(Slip(f"layers: {name}", *(f"input: [1, 8, 8]\n{text}{below}\n" for text in pair)))
    whole = f"input: [1, 8, 8]\n{_BODY}{TRAIN}\n"
    for name, (meant, written) in RECIPE.items():
        made.append(Slip(f"recipe: {name}", whole.replace(meant, written), whole))
    for name, change in (("CRLF", lambda text: text.replace("\n", "\r\n")), ("BOM", lambda text: f"\ufeff{text}")):
        made += [
            Slip(f"{slip.name}, {name}", change(slip.wrong), change(slip.right))
            for slip in made[: 120 if every else 12]
        ]
    return made
