"""Codes of the YAML text of a spec."""

from __future__ import annotations

from netspec.codes.base import Page, layers
from netspec.diagnostics import Code

_BILLION = "vars:\n  a: &a [1, 1]\n" + "".join(
    f"  {chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 8)}]\n" for i in range(7)
)

TEXT: dict[Code, Page] = {
    "empty-file": Page(
        "The file holds nothing but white space and comments.",
        "A spec needs at least `input` and `layers`. `netspec new NAME` writes one to start from.",
        "# nothing here yet\n",
        layers("- Flatten\n- Linear: 10"),
    ),
    "yaml-syntax": Page(
        "The text is no YAML.",
        "The most frequent causes are a bracket that is not closed, a tab used for indentation, and a line that is "
        "indented by one column too many or too few. Inside {…} and […] an expression with brackets, such as `w[0]`, "
        "needs quotes, and so does everywhere one that begins with `%`, `@` or a backtick.",
        "input: [1, 28, 28\nlayers:\n  - Flatten\n",
        "input: [1, 28, 28]\nlayers:\n  - Flatten\n",
    ),
    "not-utf8": Page(
        "The file is not written in UTF-8.",
        "Most often it comes from an editor that saves in the system's own encoding; save it as UTF-8.",
        "",
        layers("- Flatten"),
    ),
    "too-large": Page(
        "The file is larger than 16 MiB.",
        "No architecture needs that; whoever calls netspec may raise the limit, a spec cannot.",
        "",
        layers("- Flatten"),
    ),
    "yaml-tag": Page(
        "The text uses a YAML tag.",
        "Tags such as `!!python/object` tell a YAML reader to make objects. A spec is data: it has no tags.",
        layers("- Linear: !!int 10", "[784]"),
        layers("- Linear: 10", "[784]"),
    ),
    "yaml-merge-key": Page(
        "The text uses a merge key, `<<`.",
        "Merge keys are no part of YAML 1.2, and hide where a value comes from. `blocks` and `vars` say once what "
        "would be said twice.",
        layers("- Conv2d: &conv {out_channels: 8, kernel_size: 3}\n- ReLU\n- Conv2d: {<<: *conv, stride: 2}"),
        layers(
            "- Conv2d: {out_channels: 8, kernel_size: 3}\n- ReLU\n"
            "- Conv2d: {out_channels: 8, kernel_size: 3, stride: 2}"
        ),
    ),
    "yaml-key": Page(
        "A key of a mapping is no plain word.",
        "Lists, mappings and null cannot be keys in a spec.",
        layers("- Linear: {[1, 2]: 10}", "[784]"),
        layers("- Linear: {out_features: 10}", "[784]"),
    ),
    "several-documents": Page(
        "The file holds several YAML documents.",
        "A line of `---` begins another document. A spec is one document; several networks are several files, or "
        "`variants` of one.",
        layers("- Flatten") + "---\n" + layers("- Flatten"),
        layers("- Flatten"),
    ),
    "duplicate-key": Page(
        "A mapping has the same key twice.",
        "Most YAML readers keep the last one in silence; here it is an error that shows both places.",
        layers("- Conv2d: {out_channels: 8, kernel_size: 3, out_channels: 16}"),
        layers("- Conv2d: {out_channels: 16, kernel_size: 3}"),
    ),
    "undefined-alias": Page(
        "An alias names an anchor that does not exist.",
        "`*name` stands for what `&name` marked earlier in the file. An expression that begins with `*` needs quotes.",
        layers("- Linear: *width", "[784]"),
        "vars: {width: 10}\n" + layers("- Linear: width", "[784]"),
    ),
    "cyclic-alias": Page(
        "An alias stands inside the very thing that it names.",
        "The value would contain itself without end.",
        "input: [784]\nvars: {a: &a [1, *a]}\nlayers: [Linear: 'a[0]']\n",
        "input: [784]\nvars: {a: [1, 2]}\nlayers: [Linear: 'a[0]']\n",
    ),
    "too-many-nodes": Page(
        "The text stands for too many values, its aliases followed.",
        "Aliases of aliases multiply: a few lines can stand for millions of values. The limit is 2,000,000.",
        _BILLION + layers("- Linear: 10", "[784]"),
        layers("- Linear: 10", "[784]"),
    ),
    "too-many-aliases": Page(
        "The text uses more than 1,000 aliases.",
        "Aliases make a file small and its meaning large. `blocks`, `for` and `repeat` say the same, checked.",
        "vars:\n  a: &a 1\n  b: [" + ", ".join(["*a"] * 1001) + "]\n" + layers("- Linear: a + len(b)", "[784]"),
        "vars:\n  a: 1\n  b: [1, 1]\n" + layers("- Linear: a + len(b)", "[784]"),
    ),
    "too-deep": Page(
        "Lists and mappings, or combinators, are nested more than 64 deep.",
        "No architecture needs that; it is most often a bracket that is not closed.",
        layers("- " + "sequential: [" * 70 + "]" * 70),
        layers("- sequential: [Flatten]"),
    ),
    "number-too-large": Page(
        "A number has more digits than any network needs.",
        "Numbers in a spec are below 2**63 in size.",
        layers("- Linear: " + "9" * 5000, "[784]"),
        layers("- Linear: 999", "[784]"),
    ),
    "control-character": Page(
        "The text holds a control character.",
        "YAML allows tab, line feed and carriage return; the others are most often the remains of a copy.",
        "input: [784]\ndescription: a\x07b\nlayers: [Linear: 10]\n",
        "input: [784]\ndescription: ab\nlayers: [Linear: 10]\n",
    ),
    "flow-split": Page(
        "YAML split an expression at its comma.",
        "Inside {…} and […] a comma separates entries, and YAML knows nothing of parentheses. An expression with a "
        "comma needs quotes there.",
        layers("- Conv2d: {out_channels: max(8, in_channels), kernel_size: 3}"),
        layers('- Conv2d: {out_channels: "max(8, in_channels)", kernel_size: 3}'),
    ),
    "comment-in-expression": Page(
        "A ` #` cut an expression short.",
        "YAML takes everything behind a ` #` for a comment. The expression language has no `#`.",
        "vars: {w: 8}\n" + layers("- Linear: w * # twice\n", "[784]"),
        "vars: {w: 8}\n" + layers("- Linear: w * 2 # twice\n", "[784]"),
    ),
}
