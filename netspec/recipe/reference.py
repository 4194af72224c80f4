"""The reference of recipes, made from their classes: what there is to say of each word, and `docs/recipes.md`."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from fractions import Fraction
from itertools import pairwise
from typing import Final

from netspec.arguments import Arguments
from netspec.kinds import kinds_of
from netspec.layers.reference import cell, prose
from netspec.recipe import tables
from netspec.recipe.base import DataSet, Named, Transform
from netspec.recipe.examples import RECIPE, SEVERAL, VALUES
from netspec.recipe.figures import figure_name
from netspec.recipe.measures import Metric
from netspec.recipe.read import KEYS, LISTS, PATTERNS, PLAIN, REQUIRED
from netspec.recipe.resolved import Recipe
from netspec.recipe.unoffered import LIBRARY, UNOFFERED
from netspec.recipe.vocabulary import OWN, KindSection, Vocabulary
from netspec.writing import shown

# ---- facts


def usage(name: str, known: Vocabulary = OWN) -> str:
    """The line of a recipe that uses a data set, transform, optimizer, scheduler, loss or key of this name."""
    if name not in known.names:
        return f"{name}: {VALUES[name]}"
    cls = known.load(name)
    lr = cls.model_fields.get("lr")
    arguments = cls.example if lr is None else f"{{lr: {shown(lr.default)}}}"
    call = name if arguments is None else f"{name}: {arguments}"
    if issubclass(cls, Transform):
        return f"{'augment' if cls.random else 'transforms'}: [{call}]"
    return f"{known.kinds[known.names[name]].key}: {call if arguments is None else f'{{{call}}}'}"


def key_facts(name: str) -> tuple[str, str, str]:
    """What a key of a recipe takes, its default, and what it means."""
    default = "required" if name in REQUIRED else _default(Recipe._field_defaults.get(name))
    if name == "schedule_by":
        default = "by the scheduler"
    if name == "best":
        default = "by the loss"
    return _key_words(name), default, re.sub(r"\bNone\b", "null", _attribute_texts(Recipe)[name])


def _key_words(name: str) -> str:
    if name in ("loss", "metrics"):
        word = tables.CALLS[name].word
        return f"a {word}, or a list of {word}{'s' if word[-1] != 's' else 'es'}"
    if name in PLAIN:
        return PLAIN[name].phrase
    if name in tables.CALLS:
        return f"{'an' if name == 'optimizer' else 'a'} {tables.CALLS[name].word}"
    if name in tables.SETTINGS:
        setting = tables.setting(name)
        return f"`{setting.scalar}`, or a mapping of `{'`, `'.join(setting.model_fields)}`"
    if name in PATTERNS:
        return "a pattern, or a list of them"
    return "a list of transforms" if name in LISTS else "a list of groups"


def _default(value: object) -> str:
    """A default as a person would write it: 1/3, not its decimals."""
    match value:
        case str():
            return value
        case ():
            return "none"
        case tuple():
            return f"[{', '.join(map(_default, value))}]"  # pyright: ignore[reportUnknownArgumentType]  # any items
        case float() if len(repr(value)) > 10:
            return str(Fraction(value).limit_denominator(100))
        case _:
            return shown(value)


def _attribute_texts(cls: type) -> dict[str, str]:
    """The docstrings below a class's attributes, each on one line."""
    found: dict[str, str] = {}
    definition = ast.parse(inspect.getsource(cls)).body[0]
    for attribute, text in pairwise(definition.body if isinstance(definition, ast.ClassDef) else ()):
        match attribute, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                found[name] = " ".join(words.split())
            case _:
                pass
    return found


def _argument_texts(cls: type[Arguments]) -> dict[str, str]:
    """What a docstring says under `Args:`, by argument."""
    _, _, listed = inspect.cleandoc(cls.__doc__ or "").partition("\nArgs:\n")
    joined = re.sub(r"\n {8,}", " ", listed)
    return dict(re.findall(r"^ +(\w+): (.+)$", joined, re.MULTILINE))


def paragraphs_of(cls: type) -> list[str]:
    """The paragraphs of a docstring in front of its arguments, each on one line."""
    text = inspect.cleandoc(cls.__doc__ or "").partition("\nArgs:\n")[0]
    return [" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n")]


def summary(cls: type) -> str:
    """The first sentence of a docstring."""
    return re.split(r"(?<=[.)])\s+(?=[A-Z`])", paragraphs_of(cls)[0])[0]


def arguments_in_words(cls: type[Arguments]) -> dict[str, str]:
    """Argument → what it takes and what it is if it is left out, in the order of the signature."""
    kinds = kinds_of(cls)
    texts = _argument_texts(cls)
    found: dict[str, str] = {}
    for name, field in cls.model_fields.items():
        words = kinds[name].phrase
        if field.is_required():
            words += "; required"
        elif name == getattr(cls, "length", None):
            words += "; what is left of the run if left out"
        else:
            words += f"; {_default(field.get_default(call_default_factory=True))} if left out"
        if name == cls.scalar:
            words += "; a bare value sets it"
        if name in texts:
            words += f". {texts[name][0].upper()}{texts[name][1:].rstrip('.')}"
        found[name] = words
    return found


# ---- the page


def recipe_page() -> str:
    """`docs/recipes.md`: every key of a recipe, and every data set, transform, optimizer, scheduler and loss."""
    lines = ["# Recipes", "", "<!-- Generated by docs/generate.py from netspec/recipe. -->", "", *prose(_INTRODUCTION)]
    lines += [
        "```yaml",
        *RECIPE.strip().split("\n"),
        "```",
        "",
        "## Keys",
        "",
        "| key | takes | default | meaning |",
        "|---|---|---|---|",
    ]
    for name in KEYS:
        lines.append("| " + " | ".join([f"`{name}`", *map(cell, key_facts(name))]) + " |")
    lines += ["", *_list(_RULES), ""]
    for name in (*tables.SETTINGS, "groups"):
        setting = tables.setting(name)
        lines += [f"### `{name}`", ""]
        lines += [line for paragraph in paragraphs_of(setting) for line in prose(paragraph)]
        lines += [*_argument_table(setting), ""]
    lines += ["## Several inputs and outputs", "", *prose(_SEVERAL)]
    lines += ["```yaml", *SEVERAL.strip().split("\n"), "```", "", *prose(_BY_NAME)]
    for kind in OWN.kinds.values():
        lines += [f"## {kind.title}", "", *prose(_ABOUT[kind.key])]
        lines += _data_table() if kind.key == "data" else [*_call_table(kind), "", *_unoffered_table(kind)]
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _list(text: str) -> list[str]:
    lines: list[str] = []
    for item in text.strip().split("\n- "):
        words = " ".join(item.removeprefix("- ").split())
        lines += textwrap.wrap(words, 120, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)
    return lines


def _argument_table(cls: type[Arguments]) -> list[str]:
    rows = [f"| `{name}` | {cell(words)} |" for name, words in arguments_in_words(cls).items()]
    return ["| argument | |", "|---|---|", *rows]


def _signature(cls: type[Named]) -> str:
    """The arguments as they are written, with their defaults; the one that a bare value sets stands in italics."""
    parts: list[str] = []
    for name, field in cls.model_fields.items():
        text = name if field.is_required() else f"{name}: {_default(field.get_default(call_default_factory=True))}"
        parts.append(f"*`{text}`*" if name == cls.scalar else f"`{text}`")
    return ", ".join(parts)


def _call_table(kind: KindSection) -> list[str]:
    classes = {name: kind.load(name) for name in kind.names}
    measured = any(issubclass(cls, Metric) for cls in classes.values())
    more = " figure |" if measured else ""
    lines = [f"| name | arguments |{more} |", "|---|---|---|" + "---|" * measured]
    for name, cls in classes.items():
        drawn = " Random: for `augment`." if issubclass(cls, Transform) and cls.random else ""
        figure = f" {cell(figure_name(cls))} |" if issubclass(cls, Metric) else ""
        lines.append(f"| `{name}` | {_signature(cls)} |{figure} {cell(summary(cls))}{drawn} |")
    return lines


def _unoffered_table(kind: KindSection) -> list[str]:
    """The library's other classes, those together that have one reason."""
    word = next(call.word for call in tables.OWN.kinds if call.names is kind.names)
    reasons = UNOFFERED[word]
    lines = [f"What `{LIBRARY[word]}` has besides:", "", "| not offered | why, and what to write |", "|---|---|"]
    for reason in dict.fromkeys(reasons.values()):
        names = ", ".join(f"`{name}`" for name, other in reasons.items() if other == reason)
        lines.append(f"| {names} | {cell(reason)} |")
    return lines


def _data_table() -> list[str]:
    lines = ["| written | one example | classes | training examples | test examples |", "|---|---|---|---|---|"]
    kinds = {name: tables.data_set(name) for name in tables.DATA_SETS}
    for name, cls in kinds.items():
        if cls.worked is not None:
            continue
        for word in _choices(cls):
            data = cls.model_validate({cls.scalar: word} if cls.scalar and word else {})
            assert isinstance(data, DataSet)
            facts = data.facts()
            shape = " × ".join(map(str, facts.shape or ()))
            written = f"{name}: {word}" if word else name
            lines.append(f"| `{written}` | {shape} | {facts.classes} | {facts.train:,} | {facts.test:,} |")
    for name, cls in kinds.items():
        if cls.worked is None:
            continue
        lines += ["", f"### `{name}`", ""]
        lines += [line for paragraph in paragraphs_of(cls) for line in prose(paragraph)]
        lines += [*_argument_table(cls), "", "```yaml", *cls.worked.strip("\n").split("\n"), "```"]
    return lines


def _choices(cls: type[Named]) -> list[str]:
    return [""] if cls.scalar is None else list(kinds_of(cls)[cls.scalar].words)


_INTRODUCTION: Final = """
The `train:` section of a spec is its recipe: `netspec train SPEC` carries it out, and `netspec check` holds it
against the net without opening a file. Names, arguments and defaults are those of torch and torchvision; arguments
stand in the order of torch's signature. `netspec explain SGD` and `netspec explain batch_size` print what stands
here.

Five keys are required; the others have defaults. A recipe with more than the least:
"""

_RULES: Final = """
- `null` is the default, for every key.
- A thing with arguments is a mapping, `{SGD: {lr: 0.1}}`; without any its name is enough, `CrossEntropyLoss`; a bare
value sets its first obvious argument, `Resize: 224`.
- `--set train.epochs=3` or `--set train.optimizer.SGD.lr=0.01` on the command line overrides any value; a variant of
the spec may hold another `train`.
- `best` is validation_accuracy if the loss is one of classes and validation_loss otherwise, as of several and of text;
without validation data there is no best checkpoint, and neither `early_stopping` nor `ReduceLROnPlateau` is allowed.
- `netspec train SPEC --folds 5 --run cv` is a cross-validation: five runs, `cv/fold-1` to `cv/fold-5`, of which each
holds out another fifth of the training set, and `cv/folds.csv` with the figures of each, their mean and deviation.
`netspec runs --in cv` lists them; `eval`, `predict` and `export` take one of them, as `netspec predict cv/fold-1 …`.
The same command completes what was interrupted; with other data or another recipe it says what differs and trains
nothing.
- Fine-tuning by layers: `layer_decay: 0.75` lets a layer learn at three quarters of the rate of the layer behind it,
and a group with `freeze: 2` begins to train in the third epoch, its norms with the statistics that they came with until
then. `netspec train SPEC --weights FILE` begins with the weights of a file.
- `no_decay`, `freeze` and the `parameters` of `groups` are patterns. One with a dot is a shell glob over the key in
the `state_dict`: `"0.*"`, `"*.bias"`. One without is a parameter's own name (`bias`), a type of layer (`Linear`), or
`norm` for all normalisation layers. A tied parameter has several keys, and a pattern that matches any of them matches
it; two groups that match it by different keys are an error.
"""

_SEVERAL: Final = """
Where a net gives several outputs, `loss` is a list, and what is minimised is the sum of each loss times its `weight`,
which is 1 if left out. `of` names the output that a loss reads, or a list of those that it reads. `target` names what
it compares them with: an input of the net, as an autoencoder does, or a field of the data; left out it is `labels`, the
target that every data set but `text` has. An output that no loss reads is a warning: what only it needs does not train.
`aux` heads take the first loss.
"""

_BY_NAME: Final = """
A loss is the mean over its targets, as torch's: `BCEWithLogitsLoss` of 784 pixels times 784 is their sum, which stands
beside `GaussianKL`, a sum over features, in the lower bound of Kingma & Welling 2014 (arXiv 1312.6114).

Records hold, beside `train_loss`, which is the sum, the figures of each loss under its output, without its weight:
`train_loss/recon`, `train_loss/mu+logvar`, `test_accuracy/kind`. `train_accuracy` is there if exactly one loss is of
classes, and then `best: validation_accuracy` may choose by it. `eval` tells all of them, the curves show them.

Several inputs have names, and `synthetic` data give all of them, with a target for each loss. A file of `tensors` holds
a tensor under the name of each input (the only one as `x`) and of each `target` (`labels` as `y`). `transforms` are
applied to every input that is an image; `augment` wants one image at most, and moves the targets that are maps with it;
a target that is an input is what the net sees, augmented. `mixup` and `cutmix` are for one input and one loss.
"""

_ABOUT: Final = {
    "data": """
Data sets are looked for in the folder that `--data` names, else in that of the environment variable `NETSPEC_DATA`,
else in `./data`, in torchvision's layout; what is missing is downloaded there. Those of torchvision are images with
one class each. Images arrive as float32 in [0, 1]. `validation` holds out a share of the training set, drawn by
`seed` and stratified by class: every class keeps its share in both parts. Of `text` it is the last part.
""",
    "transforms": """
Transforms are those of `torchvision.transforms.v2`. `transforms` prepare every image, in training and in evaluation;
`augment` is for training only and runs after `transforms`, but before a `Normalize` that ends them. What is random
belongs under `augment`. A bare value sets the argument in italics.

A target that is a map of the image's size (a mask of classes, a picture) moves with its image under `augment`, by the
same parameters: classes by the nearest pixel, and what comes from outside is `ignore_index`; values as the image
itself. `transforms` leave targets alone: they are stored as the net's output is.
""",
    "optimizer": """
Optimizers are those of `torch.optim`. Not offered are `foreach`, `fused`, `capturable` and `differentiable`, which
choose an implementation, and `maximize`. A bare value sets the argument in italics: `optimizer: {SGD: 0.1}`.
""",
    "scheduler": """
Schedulers are those of `torch.optim.lr_scheduler`. Below, t counts epochs, or optimizer steps under `schedule_by:
step`, which is the default of OneCycleLR and CyclicLR; after a `warmup`, t counts from its end. `T_max` of
CosineAnnealingLR may be left out: it is then what is left of the run. The length of OneCycleLR is always that of the
run.
""",
    "metrics": """
Metrics are those of torchmetrics, which comes with the extra `torch`. They are measured on validation and test data
after every epoch, on the device, and stand in the records, the curves, the report and in `netspec eval`; and `best`,
`early_stopping` and a sweep may follow one, as in `best: validation_f1`. Which of the library's classes it is follows
from the loss: of classes (`CrossEntropyLoss`), of labels that are 0 or 1 (`BCEWithLogitsLoss`), of values (`MSELoss`).
The figure is called as the table says, behind `validation_` or `test_`; another `average` stands behind it,
`f1_weighted`, and with `average: none` there is one for each class, `f1.cat`. Of several outputs, `of` names the one
that it reads: `metrics: [{F1Score: , of: kind}]`, whose figure is `f1/kind`. A class without examples, or without
answers, counts as 0 where the definition would divide by nothing.
""",
    "loss": """
Losses are those of `torch.nn`; the trainer averages over the targets, so there is no `reduction`. The first three
take the number of a class as target, the others values of the output's shape, which only `tensors` and `synthetic` data
give, or an input of the net. The last five read several outputs, and two of them have no target.

With `weight`, or with targets that are `ignore_index`, the mean of the first two divides by the sum of the factors of
the targets that count, as torch's does: over a whole set, over the batches of an accumulated step, over all processes.
The accuracy is that of the targets that count, each once. A batch of ignored targets alone changes neither parameters
nor statistics and is in no mean; the schedule goes on.

`weight: balanced` counts the classes of the training part when a run begins; `spec.yaml` in its directory has the
numbers, with which it is resumed, evaluated and exported.
""",
}
"""Key of a recipe → the paragraph above its table."""
