"""Named values in specs: what may be done with them, what is said where they are misused, what many cost."""

from __future__ import annotations

import gc
import re
import time

import pytest

import netspec
from netspec.compiler import check_source
from netspec.cost import estimate
from netspec.diagnostics import Diagnostic
from netspec.layers import MODULE_OF, layer_class
from netspec.text.source import decode
from netspec.writing import flow


def findings(text: str) -> list[Diagnostic]:
    source, problems = decode(text.encode(), "spec.yaml")
    return check_source(source, problems)


def layers(items: str, more: str = "") -> str:
    return f"input: [8]\n{more}layers:\n" + "".join(f"  {line}\n" for line in items.splitlines())


def only(text: str) -> Diagnostic:
    (found,) = findings(text)
    return found


PAIR = "- {Linear: 8, as: 'p[0]'}\n- {Linear: 8, as: 'p[1]'}\n"


@pytest.mark.parametrize(
    "items",
    [
        "- for: v in p\n  do: [{use: v}, {Linear: 8, as: last}]\n- use: last",
        "- for: i, v in enumerate(p)\n  do: [{use: v * i}, {Linear: 8, as: 'q[i]'}]\n- concat: q",
        "- for: a, b in zip(p, p)\n  do: [{use: a + b, as: last}]\n- use: last",
        "- use: sum(p)",
        "- add: '[v * 2 for v in p]'",
        "- add: [{for: 'v in p', do: [use: v]}, 'p[0]']",
        "- use: p[len(p) - 1] + p[0]",
    ],
)
def test_a_family_goes_where_a_list_goes(items: str) -> None:
    assert findings(layers(PAIR + items)) == []


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ("- Linear: p[0]", "not `p[0]`, which is a value of the network"),
        ("- {Linear: 8, when: 'p[0]'}", "`when` wants true or false, not `p[0]`, which is a value of the network"),
        ("- repeat: p\n  do: [ReLU]", "not `p`, which is a family of the network"),
        ("- for: i in range(p)\n  do: [ReLU]", "not p, a family of 2 values of the network"),
        ("- for: i in p[0]\n  do: [ReLU]", "a `for` goes through a list, but `p[0]` is a value of the network"),
        ("- {Linear: 8, name: 'a{p}'}", "`p` in `a{p}` is a family of 2 values of the network"),
        ("- use: 3 * 2", "`use` takes a value of the network, but `3 * 2` is a number"),
        ("- add: '[p[0], 3]'", "a number stands in `[p[0], 3]`"),
        ("- $p", "`$p` is a family of 2 values of the network, neither a layer nor a block"),
    ],
)
def test_a_message_says_what_stands_where_something_else_is_wanted(items: str, said: str) -> None:
    assert said in only(layers(PAIR + items)).message


@pytest.mark.parametrize("name", ["gate", "add", "concat", "einsum", "block", "mask", "dim", "split"])
def test_a_value_may_have_the_name_of_a_word_or_a_layer(name: str) -> None:
    """Words are words only as keys."""
    for read in (f"- mul: [[], {name}]", f"- mul: [{name}, {name}]", f"- use: {name}", f"- use: {name} * 2"):
        assert findings(layers(f"- Linear: 8\n- as: {name}\n{read}")) == [], read
    block = f"blocks:\n  joined({name}): [mul: [[], {name}]]\n"
    assert findings(layers(f"- {{Linear: 8, as: {name}}}\n- joined: [{name}]", block)) == []


def test_a_value_that_was_refused_has_no_second_message() -> None:
    for name in ("max", "ReLU", "None", "p[-1]", "p[0.5]", "in_channels", "yes", "a-b", "x + 1", "[a, b]"):
        plain = name.partition("[")[0] or "a"
        target = name if name[0] == "[" else repr(name)
        assert len(findings(layers(f"- {{Linear: 8, as: {target}}}\n- use: {plain.split()[0]}"))) == 1, name


def test_an_item_that_was_refused_loses_the_names_beside_it() -> None:
    for target in ("x", "'x[0]'", "[x, y]"):
        found = only(layers(f"- {{Linaer: 8, as: {target}}}\n- concat: [x, x]\n- Linear: 3"))
        assert found.code == "unknown-layer"


def test_the_sizes_of_a_clash_across_names_have_the_lines_that_they_come_from() -> None:
    found = only(layers("- {Linear: 8, as: x}\n- {Linear: 4, as: y}\n- use: x + y"))
    assert [(r.message, r.span.line) for r in found.related] == [("`Linear` gives 8", 3), ("`Linear` gives 4", 4)]
    found = only("input: [2, 4]\nlayers:\n  - as: x\n  - {Flatten: , as: y}\n  - use: x * y\n")
    assert [(r.message, r.span.line) for r in found.related] == [("`input` gives 2 × 4", 1), ("`Flatten` gives 8", 4)]
    assert found.message.endswith("they have 2 and 1 axes")
    found = only("input: {a: [4], b: [4, int64]}\nlayers:\n  - use: a + b\n")
    assert [r.message for r in found.related] == ["input `a` gives float32", "input `b` gives int64"]


@pytest.mark.needs_torch
@pytest.mark.parametrize("term", ["a + b", "a * b", "a / b", "a * 2", "a + 1", "a ** 2", "2 ** a", "a * 0.5", "a / 2"])
@pytest.mark.parametrize("dtype", ["bool", "int64", "float32"])
def test_the_dtype_of_arithmetic_is_torchs(dtype: str, term: str) -> None:
    shape = "[4]" if dtype == "float32" else f"[4, {dtype}]"
    net = netspec.loads(f"input: {{a: {shape}, b: {shape}}}\nlayers: []\noutput: {{x: '{term}', y: b}}\n")
    netspec.verify(net)


@pytest.mark.parametrize("term", ["a - b", "1 - a", "a - 0.5", "-a", "a ** b"])
def test_what_torch_does_not_do_with_truth_values_is_refused(term: str) -> None:
    text = f"input: {{a: [4, bool], b: [4, bool]}}\nlayers: []\noutput: {{x: '{term}', y: a * b}}\n"
    assert only(text).code == "wrong-dtype"


def test_a_when_that_leaves_out_the_reader_is_no_reason_to_warn() -> None:
    for reader in ("{use: x, when: deep}", "{when: deep, do: [use: x]}", "use: x if deep else y"):
        items = f"- {{Linear: 8, as: x}}\n- {{Linear: 8, as: y}}\n- {reader}\n- add: [[], y]"
        assert findings(layers(items, "vars: {deep: false}\n")) == []


def test_a_value_of_a_family_that_was_read_may_be_bound_again() -> None:
    """The places of both stay read, however often the index is given."""
    again = "- as: x[0]\n- use: x[0] * 2\n- ReLU\n- as: x[0]"
    assert findings(layers(again) + "output: x\n") == []
    assert (
        findings(layers(f"- repeat: 2\n  do: [{{Linear: 8, as: 'x[0]'}}, use: 'x[0] + x[0]']\n{again}\n- concat: x"))
        == []
    )


def test_a_value_of_a_family_that_is_bound_again_unread_is_told() -> None:
    found = only(layers("- {Linear: 8, as: 'x[0]'}\n- ReLU\n- as: x[0]\n- use: x[0] * 2"))
    assert (found.code, found.span.line) == ("unused-value", 3)


def test_an_item_behind_an_output_may_be_left_out() -> None:
    body = "    - {Linear: 8, as: x}\n    - {output: x, when: a > 1}\n    - {output: 2 * x, when: a <= 1}\n"
    block = f"blocks:\n  f(a):\n{body}"
    assert findings(layers("- f: 1\n- f: 2", block)) == []
    assert only(layers("- f: 2", block.replace("a <= 1", "a > 0"))).code == "misplaced-output"


def test_a_group_with_a_name_is_a_module() -> None:
    net = netspec.loads(layers("- when: true\n  do: [Linear: 8, ReLU]\n  name: part"))
    assert [leaf.path for leaf in net.layers] == ["part.0", "part.1"]


def test_an_output_with_a_name_that_no_value_may_have_goes_round_through_the_flat_spec() -> None:
    names = ("Linear", "max", "yes", "T", "in_channels", "None_")
    outputs = ", ".join(f"{name}: [Linear: 2]" for name in names)
    net = netspec.loads(f"input: [T, 8]\nlayers: [ReLU]\noutput: {{{outputs}}}\n")
    again = netspec.loads(netspec.expand(net))
    assert [value.name for value in again.outputs] == list(names)
    assert [leaf.path for leaf in again.layers] == [leaf.path for leaf in net.layers]


CHAINS = {
    "values": "- {{ReLU: , as: v{i}}}\n- use: v{i} + v{half}\n",
    "writes": "- {{ReLU: {{inplace: true}}, as: v{i}}}\n- use: v{i} * 2\n",
}
FAMILY = "- for: i in range({n})\n  do:\n    - ReLU\n    - as: p[i]\n    - use: p[i] + p[i // 2]\n"


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*CHAINS, "family"])
def test_the_time_of_a_check_grows_with_the_number_of_values(kind: str) -> None:
    """Four times as many take about four times as long; were each held against each, sixteen times."""

    def seconds(n: int) -> float:
        items = FAMILY.format(n=n) if kind == "family" else "- as: v0\n"
        items += "" if kind == "family" else "".join(CHAINS[kind].format(i=i, half=i // 2) for i in range(1, n))
        text = layers(items)
        times: list[float] = []
        gc.disable()  # what other tests hold is walked by every collection
        for _ in range(3):
            start = time.process_time()
            findings(text)
            times.append(time.process_time() - start)
        gc.enable()
        return min(times)

    seconds(100)
    assert seconds(4000) < 10 * max(seconds(1000), 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("join", ["add", "mul", "concat"])
def test_the_time_of_an_estimate_grows_with_the_number_of_values_that_are_joined(join: str) -> None:
    """Four times as many take about four times as long."""

    def seconds(n: int) -> float:
        net = netspec.loads(layers(f"- for: i in range({n})\n  do:\n    - {{ReLU: , as: 'p[i]'}}\n- {join}: p\n"))
        times: list[float] = []
        gc.disable()  # what other tests hold is walked by every collection
        for _ in range(3):
            start = time.process_time()
            estimate(net, 1)
            times.append(time.process_time() - start)
        gc.enable()
        return min(times)

    assert seconds(4000) < 9 * max(seconds(1000), 0.02)


def test_inputs_that_a_variant_names_are_known_among_its_layers_and_not_in_blocks() -> None:
    """Where the base of a spec names no value at all."""
    variants = "vars: {k: false}\nvariants:\n  one: {input: [4]}\n  two: {input: {first: [4], second: [4]}, k: true}\n"
    plain = f"layers: [ReLU, {{concat: [[], second], when: k}}]\n{variants}"
    assert findings(plain) == []
    block = f"blocks:\n  b(): [{{concat: [[], second]}}]\nlayers: [ReLU, {{when: k, do: [b]}}]\n{variants}"
    assert findings(block)[0].code == "unknown-name"


# ---- the words of other libraries


def called(text: str) -> str:
    """The help for a call in a `use`."""
    return only(layers(f"- {{Linear: 8, as: h}}\n- use: {text}")).help or ""


@pytest.mark.parametrize("name", MODULE_OF)
def test_a_layer_that_is_called_as_a_function_leads_to_its_item(name: str) -> None:
    """The item, with the arguments that it needs, is one that may be written."""
    for text in (f"{name.lower()}(h)", f"{name}(h)", f"nn.functional.{name.lower()}(h, 1)", f"h.{name.lower()}()"):
        assert called(text).startswith(f"a layer is an item of its own: `- use: h`, and behind it `- {name}"), text
    item = called(f"{name}(h)").rpartition("`- ")[2].rstrip("`")
    example = layer_class(name).examples[0]
    filled = re.sub(r"(\w+): …", lambda found: f"{found[1]}: {flow(example.arguments[found[1]], str)}", item)
    shape = flow([*example.input, example.dtype], str)
    codes = {d.code for d in findings(f"input: {shape}\nlayers:\n  - as: h\n  - use: h\n  - {filled}\n")}
    assert not codes & {"unknown-argument", "wrong-form", "yaml-syntax", "unknown-layer"}


@pytest.mark.needs_torch
def test_the_functions_of_torch_that_are_layers_here_lead_to_them() -> None:
    from torch.nn import functional

    folded = {name.lower(): name for name in MODULE_OF}
    names = [name for name in dir(functional) if name.islower() and name.replace("_", "") in folded]
    assert len(names) > 40
    for name in names:
        assert f"`- {folded[name.replace('_', '')]}" in called(f"F.{name}(h)"), name


@pytest.mark.parametrize("name", [name for name in MODULE_OF if "dim" in layer_class(name).model_fields])
def test_an_axis_is_a_dim(name: str) -> None:
    found = next(
        d for d in findings(f"input: [4, 8]\nlayers:\n  - {name}: {{axis: 1}}\n") if d.code == "unknown-argument"
    )
    assert found.help == "did you mean `dim`?"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("h.view(-1)", "`Flatten`"),
        ("h.permute(0, 2, 1)", "`Rearrange: n a b -> n b a`"),
        ("h.unsqueeze(1)", "`Rearrange: n a b -> n 1 a b`"),
        ("torch.matmul(h, h)", "{einsum: [a, b], pattern: 'n i k, n k j -> n i j'}"),
        ("h.chunk(2)", "`- use: h`, and behind it `- Chunk: {chunks: …}`"),
        ("torch.pow(h, 2)", "`use: a ** b`"),
        ("torch.stack([h, h])", "`- stack: [h, h]`"),
        ("h.shape", "`in_shape`"),
        ("clip(h, 0, 1)", "`- Clamp`"),
        ("(h + 1).mean(1)", "`- use: h + 1`, and behind it `- Mean"),
        ("square(h + 1)", "`(h + 1) ** 2`"),
    ],
)
def test_a_function_of_other_libraries_leads_to_the_form_here(text: str, said: str) -> None:
    assert said in called(text)


def test_a_call_in_arithmetic_of_sizes_is_told_the_functions() -> None:
    found = only("input: [8]\nlayers:\n  - Linear: mni(8, 4)\n")
    assert (found.message, found.help) == ("`mni` is no function", "did you mean `min`?")
    assert "the functions are min" in (only("input: [8]\nlayers:\n  - Linear: frobnicate(8)\n").help or "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("input: [4, 8]\nlayers:\n  - {einsum: [[], []], pattern: 'bid,bjd->bij'}\n", "`b i d, b j d -> b i j`"),
        ("input: [4, 8]\nlayers:\n  - {einsum: [[], []], pattern: 'id, jd -> ij'}\n", "`n i d, n j d -> n i j`"),
        ("input: [4, 8]\nlayers:\n  - Rearrange: bnd->bdn\n", "`b n d -> b d n`"),
        ("input: [4, 8]\nlayers:\n  - Rearrange: nd -> dn\n", "`b n d -> b d n`"),
        ("input: [8]\nlayers:\n  - {as: a}\n  - use: y = a * 2\n", "`as` beside an item names a value"),
    ],
)
def test_the_message_has_the_form_that_is_meant(text: str, said: str) -> None:
    assert said in only(text).message


def test_a_list_of_values_is_one_value_with_several_members_wherever_it_stands() -> None:
    """In the block style of YAML, in the flow style, and as an expression."""
    for form in ("[a, b]", "'[a, b]'", "a, b", "\n  - a\n  - b"):
        net = netspec.loads(layers("- {Linear: 8, as: a}\n- {Linear: 4, as: b}") + f"output: {form}\n")
        (output,) = net.outputs
        assert [type.shape for type in output.types] == [(8,), (4,)]
    text = layers("- {Linear: 8, as: a}\n- {Linear: 4, as: b}") + "output: {both: [a, b], end: [Linear: 2]}\n"
    assert [len(output.types) for output in netspec.loads(text).outputs] == [2, 1]
    block = "blocks:\n  pair:\n    - {Linear: 8, as: a}\n    - {Linear: 8, as: b}\n    - output: [a, b]\n"
    assert netspec.loads(layers("- {pair: , as: p}\n- use: p[0] - p[1]", block)).output.shape == (8,)


def test_a_name_that_nothing_reads_is_told_why() -> None:
    """Given again before it is read, never used, or an input that another value replaces at once."""
    again = only(layers("- {Linear: 8, as: x}\n- {Linear: 8, as: x}\n- add: [[], x]"))
    assert (again.message, again.related[0].span.line) == (
        "nothing reads the value `x` before line 4 gives its name to another",
        4,
    )
    assert only(layers("- {Linear: 8, as: x}\n- ReLU")).help == "`use: x` reads it; else leave out the `as`"
    first = only("input: {a: [8], b: [8]}\nlayers: [use: b, ReLU]\n")
    assert first.message == "nothing reads the input `a`: another value takes its place"
    two = "blocks:\n  f: [{Linear: 8, as: x}, ReLU]\n  g: [{Linear: 8, as: x}, add: [[], x]]\n"
    assert only(layers("- f\n- g", two)).message == "nothing reads the value `x`"


def test_a_loss_is_held_against_the_layer_that_gives_the_output() -> None:
    """Not against one in front of a `use`, which puts another value in its place."""
    recipe = """
train:
  data: {synthetic: {train: 64, test: 16}}
  batch_size: 8
  epochs: 1
  loss: CrossEntropyLoss
  optimizer: SGD
"""
    head = "- Linear: 8\n- as: h\n- Sigmoid:\n  as: g\n"
    assert findings(layers(f"{head}- use: h * g") + recipe) == []
    assert only(layers("- Linear: 8\n- Sigmoid") + recipe).code == "loss-mismatch"
    assert (
        only(layers(f"{head}- use: h\n- Linear: 8\n- sequential: [Sigmoid]\n- add: [[], g]\n- Sigmoid") + recipe).code
        == "loss-mismatch"
    )


@pytest.mark.parametrize("items", ["- Chunk: 2", "- Chunk: 2\n- ReLU"])
def test_the_advice_for_a_family_without_a_name_can_be_followed(items: str) -> None:
    found = only(layers(items))
    assert found.help is not None
    assert "`as: p` beside the item" in found.help
    assert findings(layers("- {Chunk: 2, as: p}\n- use: p[0] + p[1]")) == []


def test_a_list_of_names_is_for_the_values_of_a_block_too() -> None:
    block = "blocks:\n  halves: [Chunk: 2]\n"
    assert findings(layers("- {halves: , as: [a, b]}\n- add: [[], b]\n- mul: [[], a]", block)) == []


def test_the_only_tensor_of_a_layer_may_be_its_bare_value() -> None:
    items = "- {Chunk: 2, as: [mu, logvar]}\n- GaussianSample: logvar\n- concat: [[], mu]"
    assert findings(layers(items)) == []


def test_an_input_that_only_a_loss_reads_is_read() -> None:
    recipe = """
train:
  data: {synthetic: {train: 64, test: 16}}
  batch_size: 8
  epochs: 1
  loss: [{MSELoss: , of: u, target: b}]
  optimizer: SGD
"""
    assert findings("input: {a: [8], b: [8]}\nlayers: [{Linear: 8, as: u}]\noutput: {u: u}\n" + recipe) == []


def test_the_flat_spec_of_a_clean_spec_is_clean() -> None:
    text = "input: {image: [1, 8, 8]}\nlayers: [Flatten, Linear: 4, {as: mu}, Linear: 4]\noutput: {recon: [], mu: mu}\n"
    assert findings(text) == []
    assert findings(netspec.expand(netspec.loads(text))) == []
