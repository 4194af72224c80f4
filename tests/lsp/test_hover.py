"""Hover: values as a spec has them, and texts of classes as Markdown, read by a parser of Markdown."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("lsprotocol", reason="the language server is an extra")

from lsprotocol import types as lsp
from markdown_it import MarkdownIt

from netspec.layers import FAMILIES, layer_class
from netspec.layers.reference import paragraphs
from netspec.lsp.hover import hover
from netspec.lsp.reading import LiveText
from netspec.lsp.words import documentation, of_recipe
from netspec.recipe.read import KEYS
from netspec.recipe.reference import key_facts, paragraphs_of
from netspec.recipe.vocabulary import OWN
from tests.lsp.editor import position

TEXT = """\
input: [3, 32, 32]
vars: {width: 8}
layers:
  - for: step in [1, 2]
    do: [Conv2d: {out_channels: width, kernel_size: [3, 3], stride: step, padding_mode: zeros}]
  - Flatten
  - Linear: {out_features: 10, bias: false}
train:
  data: {FashionMNIST: {}}
  optimizer: {SGD: {lr: 0.1}}
  loss: CrossEntropyLoss
  batch_size: 8
  epochs: 1
"""


def told(part: str) -> str:
    text = LiveText("spec.yaml", TEXT)
    found = hover(text, position(TEXT, TEXT.index(part)))
    assert found is not None and isinstance(found.contents, lsp.MarkupContent)
    return found.contents.value


def test_values_are_written_as_in_a_spec() -> None:
    assert (
        "`in_channels: 3, out_channels: 8, kernel_size: [3, 3], stride: 1, padding: 0, dilation: 1, groups: 1, "
        "bias: true, padding_mode: zeros`" in told("Conv2d")
    )
    assert told("stride").endswith("`stride` = `1`, `2`")
    assert told("step,").startswith("`stride` = `1`, `2`")
    assert told("kernel_size").endswith("`kernel_size` = `[3, 3]`")
    assert told("bias").endswith("`bias` = `false`")
    assert told("padding_mode").endswith("`padding_mode` = `zeros`")
    assert told("width:") == "`width` = `8`"


def test_a_word_of_a_recipe_is_markdown_and_no_text_of_a_terminal() -> None:
    assert told("SGD").startswith("**SGD** (optimizer)\n\nw ← w − lr · v with")
    assert "\n- `momentum`: a number ≥ 0; 0 if left out\n" in told("SGD")
    assert told("SGD").endswith("```yaml\noptimizer: {SGD: {lr: 0.001}}\n```")
    assert told("lr:") == "**lr** of `SGD`: a number ≥ 0; 0.001 if left out; a bare value sets it"
    assert "\n\nIt takes an integer ≥ 1; required.\n\n" in told("batch_size")
    assert "`MSELoss`, " in told("loss")


def test_a_key_of_a_spec_is_told_as_any_word() -> None:
    text = LiveText("spec.yaml", TEXT)
    assert hover(text, position(TEXT, TEXT.index("train:"))) is None


def plain(text: str) -> str:
    """What is read of a Markdown text, without blanks."""
    found: list[str] = []
    for block in MarkdownIt().parse(text):
        inner = block.children or [block]
        found += [token.content for token in inner if token.type in ("text", "code_inline", "fence")]
    return re.sub(r"\s", "", "".join(found))


LAYERS = {name: layer_class(name) for names in FAMILIES.values() for name in names}
WORDS = {name: OWN.kinds[kind].load(name) for name, kind in OWN.names.items()}


def test_no_character_of_a_text_is_taken_for_a_sign_of_markdown() -> None:
    texts = [(documentation(cls), paragraphs(cls)) for cls in LAYERS.values()]
    texts += [(of_recipe(name, OWN) or "", paragraphs_of(cls)) for name, cls in WORDS.items()]
    texts += [(of_recipe(name, OWN) or "", [key_facts(name)[2]]) for name in KEYS]
    for text, sentences in texts:
        shown = plain(text)
        assert all(re.sub(r"[\s`]", "", sentence) in shown for sentence in sentences), text
        kinds = [token.type for block in MarkdownIt().parse(text) for token in block.children or ()]
        assert not set(kinds) & {"em_open", "html_inline", "link_open"}, text
        assert kinds.count("strong_open") == 1, "its name"


NAMED = """\
input: [3, 8, 8]
blocks:
  unit(n):
    - Conv2d: {out_channels: n, kernel_size: 3}
layers:
  - for: i in range(2)
    do:
      - unit: 8 + i
  - as: x
  - add: [[Identity], x]
    name: sum
"""


@pytest.mark.parametrize(
    ("word", "at", "told"),
    [
        ("unit(n)", 1, "`unit`, a block: used in line 8"),
        ("unit(n)", 5, "`n`, a parameter of a block: used in line 4"),
        ("for: i", 5, "`i`, a loop's variable: used in line 8"),
        ("as: x", 4, "`x`, a named value: used in line 10"),
        ("name: sum", 7, "`sum`, a module: used nowhere"),
    ],
)  # fmt: skip
def test_a_name_of_the_specs_own_says_what_it_is_and_where_it_is_used(word: str, at: int, told: str) -> None:
    text = LiveText("spec.yaml", NAMED)
    found = hover(text, text.places.position(NAMED.index(word) + at))
    assert found is not None and isinstance(found.contents, lsp.MarkupContent)
    assert found.contents.value == told
