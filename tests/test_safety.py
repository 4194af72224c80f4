"""A spec is data: no string in it, in any position, makes netspec import, run, fetch or write anything."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "netspec"

PAYLOADS = [
    "__import__('os').system('touch pwned')",
    "__import__('subprocess').run(['true'])",
    "eval('1')",
    "exec('import os')",
    "open('pwned', 'w')",
    "open('/etc/passwd').read()",
    "compile('1', 'x', 'eval')",
    "globals()",
    "locals()",
    "vars()",
    "getattr(1, '__class__')",
    "().__class__.__bases__[0].__subclasses__()",
    "[].__class__",
    "(lambda: 1)()",
    "(lambda f: f(f))(lambda f: f(f))",
    "[x for x in ().__class__.__base__.__subclasses__()]",
    "f'{__import__(\"os\")}'",
    "'{0.__class__}'.format(1)",
    "'%s' % 1",
    "print('x')",
    "input()",
    "breakpoint()",
    "help()",
    "type('X', (), {})",
    "setattr(int, 'x', 1)",
    "min.__self__",
    "min.__globals__",
    "range.__subclasses__()",
    "(x := 1)",
    "yield 1",
    "await x",
    "import os",
    "from os import system",
    "os.system('true')",
    "torch.load('x.pt')",
    "torch.hub.load('a/b', 'c')",
    "netspec.load('x')",
    "!!python/object/apply:os.system ['true']",
    "!!python/name:os.system",
    "!!python/module:os",
    "!include other.yaml",
    "!ENV ${HOME}",
    "${HOME}",
    "$(touch pwned)",
    "`touch pwned`",
    "{{ cycler.__init__.__globals__.os }}",
    "{% import os %}",
    "file:///etc/passwd",
    "http://127.0.0.1:9/x",
    "../../../../etc/passwd",
    "/etc/passwd",
    "_target_: os.system",
    "os.system",
    "builtins.eval",
    "netspec.layers.base",
    "Linear.__init__",
    "max(*[1, 2])",
    "dict(a=1)",
    "9**9**9",
    "'a' * 10**9",
    "-" * 300 + "1",
    "[" * 200,
]

SPEC = """\
netspec: 1
name: {name}
description: {description}
input: {input}
vars:
  width: {var}
  act: {act}
variants:
  {variant}: {{width: {variant_value}}}
blocks:
  conv(out, kernel=3):
    - Conv2d: {{out_channels: out, kernel_size: {block_arg}, padding: 1, padding_mode: {text_field}}}
    - $act
layers:
  - conv: {call}
    name: {child_name}
  - residual: [conv: 8]
    when: {when}
  - for: {loop}
    do: [ReLU]
  - concat: [[ReLU], []]
  - {layer}
  - Flatten: {{{argument}: 1}}
  - Linear: {scalar}
init: {{Conv2d: {init}}}
train:
  data: {data}
  transforms: [Resize: {transform}]
  batch_size: {batch}
  epochs: 1
  optimizer: {{{optimizer}: {{lr: 0.1}}}}
  loss: {loss}
"""

VALID = {
    "name": "safe",
    "description": "a network",
    "input": "[1, 28, 28]",
    "var": "8",
    "act": "ReLU",
    "variant": "wide",
    "variant_value": "8 + 8 - 8",
    "block_arg": "kernel",
    "text_field": "zeros",
    "call": "width",
    "child_name": "stem",
    "when": "in_channels == width",
    "loop": "i in range(2)",
    "layer": "ReLU",
    "argument": "start_dim",
    "scalar": "10",
    "init": "xavier_uniform_",
    "data": "FashionMNIST",
    "transform": "28",
    "batch": "32",
    "optimizer": "SGD",
    "loss": "CrossEntropyLoss",
}

PROGRAM = """\
import ast, builtins, importlib, json, sys
from pathlib import Path
import netspec
from netspec.compiler import check_source
from netspec.text.source import decode

job = json.load(sys.stdin)

def findings(text):
    source, problems = decode(text.encode(), "spec.yaml")
    return check_source(source, problems)

clean = findings(job["valid"])
assert clean == [], [d.message for d in clean]
findings(job["valid"].replace("28, 28]", "H, W]"))  # symbols are a construct too
findings(job["valid"].replace("Conv2d", "Conv2e"))  # and so are suggestions
findings("layers: [")  # and words for a text that is no YAML
for path in Path(netspec.__file__).parent.glob("**/*.py"):  # a mend may be of any layer, optimizer or loss
    parts = path.relative_to(Path(netspec.__file__).parent.parent).with_suffix("").parts
    if parts[1] in {"layers", "recipe", "mends", "initializers", "language", "combinators"}:
        importlib.import_module(".".join(parts).removesuffix(".__init__"))

armed = parsing = False
seen = []
compile_ = builtins.compile
def only_trees(source, filename, mode, flags=0, *rest, **more):
    global parsing
    parsing = bool(flags & ast.PyCF_ONLY_AST)
    try:
        return compile_(source, filename, mode, flags, *rest, **more)
    finally:
        parsing = False
builtins.compile = only_trees

FORBIDDEN = ("import", "exec", "os.", "subprocess.", "socket.", "shutil.", "ctypes.", "pickle.", "marshal.", "urllib.")
def hook(event, arguments):
    if not armed:
        return
    if event == "compile" and parsing:
        return
    if event == "open" and not isinstance(arguments[1], str) and not arguments[2] & 3:
        return
    if event == "open" and isinstance(arguments[1], str) and not set("wax+") & set(arguments[1]):
        return
    if event in ("compile", "open") or event.startswith(FORBIDDEN):
        seen.append([event, repr(arguments)[:200]])

sys.addaudithook(hook)
answers = []
for text in job["texts"]:
    armed = True
    try:
        found = findings(text)
        answers.append([len(found), None])
    except BaseException as error:
        answers.append([0, repr(error)])
    armed = False
during, seen = seen, []
armed = True
try:
    import colorsys  # the hook must be able to see something
except Exception:
    pass
armed = False
print(json.dumps({"seen": during, "afterwards": seen, "answers": answers}))
"""


def quoted(payload: str) -> str:
    return json.dumps(payload)


def texts() -> list[tuple[str, str, str]]:
    """Yield (position, payload, spec), with the payload as a plain and as a double-quoted scalar."""
    return [
        (position, payload, SPEC.format(**VALID | {position: form}))
        for position in VALID
        for payload in PAYLOADS
        for form in (payload, quoted(payload))
    ]


@pytest.mark.slow
def test_no_payload_in_any_position_has_an_effect() -> None:
    cases = texts()
    assert len(PAYLOADS) >= 60
    job = {"valid": SPEC.format(**VALID), "texts": [text for _, _, text in cases]}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=json.dumps(job), capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    answer = json.loads(run.stdout)
    assert any("colorsys" in arguments for _, arguments in answer["afterwards"]), "the hook is blind"
    assert answer["seen"] == []
    assert [(c[0], c[1], a[1]) for c, a in zip(cases, answer["answers"], strict=True) if a[1] is not None] == []


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_the_package_calls_nothing_that_runs_data(path: Path) -> None:
    forbidden = {"eval", "exec", "compile", "__import__", "execfile"}
    modules = {"pickle", "cPickle", "dill", "marshal", "shelve", "cloudpickle"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                assert node.func.id not in forbidden, f"line {node.lineno}"
            if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
                owner, name = node.func.value.id, node.func.attr
                assert owner not in modules, f"line {node.lineno}"
                assert owner != "yaml" or name not in ("load", "unsafe_load", "full_load", "load_all"), (
                    f"line {node.lineno}"
                )
                assert (owner, name) != ("torch", "load") or any(
                    k.arg == "weights_only" and isinstance(k.value, ast.Constant) and k.value.value is True
                    for k in node.keywords
                ), f"line {node.lineno}"
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            if names == ["pickle"] and [a.name for a in node.names] == ["UnpicklingError"]:
                continue  # the error that torch.load raises when it refuses
            assert not modules & {n.partition(".")[0] for n in names}, f"line {node.lineno}"


HUGE = {
    "a billion repetitions": "input: [8]\nlayers: [{ReLU: {}, repeat: 1000000000}]\n",
    "nested repetitions": "input: [8]\nlayers:\n"
    "  - repeat: 1000\n    do: [{repeat: 1000, do: [{repeat: 1000, do: [ReLU]}]}]\n",
    "repetitions of nothing": "input: [8]\nlayers: [{repeat: 100000, do: [{repeat: 100000, do: []}]}]\n",
    "a loop over a billion": "input: [8]\nlayers: [{for: i in range(10**9), do: [ReLU]}]\n",
    "a tower of powers": "input: [8]\nlayers: [Linear: 9**9**9]\n",
    "a long text": "input: [8]\nvars: {a: \"'a' * 10**9\"}\nlayers: [Linear: len(a)]\n",
    "a block that calls itself": "input: [8]\nblocks: {a: [a]}\nlayers: [a]\n",
    "a block that calls itself twice": "input: [8]\nblocks: {a: [a, a]}\nlayers: [a]\n",
    "two blocks that call each other": "input: [8]\nblocks: {a: [b], b: [a, a]}\nlayers: [a]\n",
    "a huge matrix": "input: [1000000000]\nlayers: [Linear: 10000000000]\n",
    "nested comprehensions": "input: [8]\n"
    "vars: {a: '[i for i in range(99999) for j in range(99999)]'}\nlayers: [Linear: 1]\n",
    "many minus signs": "input: [8]\nlayers: [Linear: '" + "-" * 100_000 + "1']\n",
}


@pytest.mark.parametrize("text", HUGE.values(), ids=HUGE)
def test_what_would_be_endless_is_a_located_error_in_under_a_second(text: str) -> None:
    import time

    from netspec.compiler import check_source
    from netspec.text.source import decode

    source, problems = decode(text.encode(), "spec.yaml")
    start = time.process_time()
    found = check_source(source, problems)
    assert time.process_time() - start < 1
    assert [d.severity for d in found] and all(d.span.line >= 1 for d in found)
    assert "error" in {d.severity for d in found}
