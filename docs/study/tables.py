"""The tables of docs/study-alexnet.md, from the rows of results.json.

On the page, a table stands between `<!-- study: NAME -->` and `<!-- end -->`; `filled` puts it there.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterable, Sequence

from docs.study.counts import share, weighted
from docs.study.store import ROOT, Results, Row

PAGE = ROOT / "docs" / "study-alexnet.md"
_PLACE = re.compile(r"(?<=<!-- study: )(\w+)( -->\n\n)(?:\|.*\n)*(?:\n)?(?=<!-- end -->)")

CONVOLUTIONS = ("Conv2d",)
LINEAR = ("Linear",)


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], numbers: int | None = None) -> str:
    """A Markdown table; its last columns, as many as `numbers` or all but the first, stand to the right."""
    numbers = len(titles) - 1 if numbers is None else numbers
    rule = ["---"] * (len(titles) - numbers) + ["---:"] * numbers
    return "".join("| " + " | ".join(cells) + " |\n" for cells in [titles, rule, *rows])


def percent(value: float) -> str:
    """A share as a percentage with one place."""
    return f"{100 * value:.1f} %"


def spread(values: Sequence[float]) -> str:
    """The mean of several seeds and, where there are several, the lowest and the highest."""
    mean = percent(statistics.mean(values))
    return mean if len(values) == 1 else f"{mean} ({100 * min(values):.1f} to {100 * max(values):.1f})"


def seeds_of(results: Results, part: str, title: str, rate: float | None = None) -> list[Row]:
    """The rows of a title from all seeds that figures come from."""
    from docs.study.training import FEW, SEEDS

    between = f" lr={rate:g}" if rate else ""
    rows = results.part(part)
    return [rows[f"{title}{between} seed={seed}"] for seed in (FEW if part == "regularisation" else SEEDS)]


def column(rows: Sequence[Row], name: str) -> list[float]:
    """One figure of several rows."""
    return [row[name] for row in rows]


# ---- what is counted


def folklore(results: Results) -> str:
    """What the notes say beside what the compiler counts, and what LeNet would have to be for the notes to be right."""
    rows = results.part("counts")
    lenet, alexnet, color = rows["lenet"], rows["alexnet"], rows["alexnet, three channels"]
    params, macs = alexnet["params"] / lenet["params"], alexnet["macs"] / lenet["macs"]
    return table(
        ["the notes", "counted", "with LeNet's count × 10"],
        [
            ["AlexNet has about 46M parameters", f"{alexnet['params']:,}", ""],
            ["LeNet has about 0.6M", f"{lenet['params']:,}", f"{10 * lenet['params']:,}"],
            ["AlexNet has 10 times the parameters", f"{params:,.0f} times", f"{params / 10:,.0f} times"],
            ["and 250 times the computation", f"{macs:,.0f} times", f"{macs / 10:,.0f} times"],
            [
                "the same, colour pictures",
                f"{color['macs'] / lenet['macs']:,.0f} times",
                f"{color['macs'] / lenet['macs'] / 10:,.0f} times",
            ],
        ],
    )


def alexnets(results: Results) -> str:
    """The several networks that are called AlexNet."""
    rows = results.part("counts")
    said = {
        "lenet": "LeNet of the notes",
        "alexnet": "AlexNet of the notes: 1 channel, 10 classes",
        "alexnet, three channels": "the same for 3 channels",
        "alexnet of torchvision": "torchvision's: 3 channels, 1000 classes",
        "alexnet, an eighth": "AlexNet/8 of this page",
    }
    cells = [
        [said[name], f"`{row['command']}`", f"{row['params']:,}", f"{row['macs']:,}"] for name, row in rows.items()
    ]
    return table(["network", "command", "parameters", "MACs"], cells, 2)


def where(results: Results) -> str:
    """Which layers hold the parameters, and which the computation."""
    rows = results.part("counts")
    found = []
    for name, title in (("lenet", "LeNet"), ("alexnet", "AlexNet")):
        row = rows[name]
        found += [
            [f"{title}: {label}", *(f"{layer[what]:,}" for what in ("params", "macs"))]
            + [percent(layer[what] / row[what]) for what in ("params", "macs")]
            for label, layer in weighted(row)
        ]
        for kinds, label in ((CONVOLUTIONS, "all convolutions"), (LINEAR, "all linear layers")):
            totals = [round(share(row, what, kinds) * row[what]) for what in ("params", "macs")]
            shares = [percent(share(row, what, kinds)) for what in ("params", "macs")]
            found.append([f"**{title}: {label}**", *(f"**{text}**" for text in [*(f"{n:,}" for n in totals), *shares])])
    return table(["layer", "parameters", "MACs", "of the parameters", "of the MACs"], found)


def speed(results: Results) -> str:
    """A forward pass of one picture."""
    rows = results.part("speed")
    found = []
    for batch in (1, 32):
        lenet, alexnet = (rows[f"{name} batch={batch}"]["milliseconds"] for name in ("lenet", "alexnet"))
        found.append([f"{batch}", f"{lenet:.3g} ms", f"{alexnet:.3g} ms", f"{alexnet / lenet:,.0f} times"])
    return table(["pictures at once", "LeNet, a picture", "AlexNet, a picture", "AlexNet takes"], found)


# ---- what is trained


PIECES = {
    "sigmoid_average": "sigmoid, average pooling (LeNet)",
    "sigmoid_max": "sigmoid, max pooling",
    "relu_average": "ReLU, average pooling",
    "relu_max": "ReLU, max pooling",
}


def rates(results: Results) -> str:
    """Validation accuracy by learning rate, with the seed that rates are chosen by."""
    from docs.study.training import CHOOSING, RATES, best_rate

    rows, found = results.part("pieces"), []
    for variant, title in PIECES.items():
        best = best_rate(results, variant)
        cells = [percent(rows[f"{variant} lr={rate:g} seed={CHOOSING}"]["validation_accuracy"]) for rate in RATES]
        found.append([title, *(f"**{c}**" if rate == best else c for rate, c in zip(RATES, cells, strict=True))])
    return table(["LeNet with", *(f"lr {rate:g}" for rate in RATES)], found)


def pieces(results: Results) -> str:
    """Activation and pooling, each at its own best learning rate."""
    from docs.study.training import best_rate

    found = []
    for variant, title in PIECES.items():
        rate = best_rate(results, variant)
        rows = seeds_of(results, "pieces", variant, rate)
        first = [row["test_curve"][2] for row in rows]
        found.append([title, f"{rate:g}", spread(first), spread(column(rows, "test_accuracy"))])
    return table(["LeNet with", "lr", "test after 3 epochs", "test after 10 epochs"], found)


def gradients(results: Results) -> str:
    """Gradients at the beginning."""
    cells = [
        [name, f"{row['first']:.2g}", f"{row['last']:.2g}", f"{row['ratio']:.2g}"]
        for name, row in results.part("gradients").items()
    ]
    return table(["at the beginning", "first layer", "last layer", "first / last"], cells)


def depth(results: Results) -> str:
    """AlexNet with sigmoids by learning rate, and the same net with ReLU after as many epochs."""
    rows = list(results.part("depth").values())
    epochs = rows[0]["epochs"]
    relu = [row["test_curve"][epochs - 1] for row in seeds_of(results, "regularisation", "nothing")]
    cells = [
        ["sigmoid", row["command"].partition("SGD.lr=")[2].split()[0], percent(row["test_accuracy"])] for row in rows
    ]
    return table(["AlexNet/8 with", "lr", f"test after {epochs} epochs"], [*cells, ["ReLU", "0.01", spread(relu)]])


def regularisation(results: Results) -> str:
    """Dropout and augmentation."""
    from docs.study.training import REGULARISED

    found = []
    for title in REGULARISED:
        rows = seeds_of(results, "regularisation", title)
        train, test = column(rows, "train_accuracy"), column(rows, "test_accuracy")
        gap = statistics.mean(train) - statistics.mean(test)
        found.append([title, spread(train), spread(test), f"{100 * gap:+.1f} points"])
    return table(["AlexNet/8 with", "while training", "test", "difference"], found)


# ---- beside kernel methods


def kernels(results: Results) -> str:
    """Classical methods and LeNet on the same pictures."""
    accuracies, found = compared(results), []
    for name in methods(results):
        own = seeds_of(results, "classical", name)
        chosen = ", ".join(f"{key} = {value:g}" for key, value in own[0]["chosen"].items())
        seconds = [statistics.mean(column(own, f"cpu_seconds_{what}")) for what in ("training", "testing")]
        found.append([name, chosen, spread(accuracies[name]), *(f"{s:.0f} s" for s in seconds)])
    found += [[name, f"{own[0]['epochs']} epochs", spread(accuracies[name]), "", ""] for name, own in lenets(results)]
    return table(["method", "chosen", "test", "training takes", "testing takes"], found, 3)


def methods(results: Results) -> list[str]:
    """The names of the classical methods, read off their rows: their module needs numpy, which tables do not."""
    return list(dict.fromkeys(key.partition(" seed=")[0] for key in results.part("classical")))


def lenets(results: Results) -> list[tuple[str, list[Row]]]:
    """Three LeNets that were trained on the pictures of the classical methods, each with its rows."""
    from docs.study.training import best_rate

    sigmoid, relu = (
        seeds_of(results, "pieces", variant, best_rate(results, variant)) for variant in ("sigmoid_average", "relu_max")
    )
    falling = seeds_of(results, "schedule", "relu_max", 0.1)
    return [("LeNet: sigmoid, average", sigmoid), ("LeNet: ReLU, max", relu), ("the same, the rate falling", falling)]


def compared(results: Results) -> dict[str, list[float]]:
    """Test accuracy of each seed, for each classical method and two LeNets, all trained on the same pictures."""
    rows = {name: seeds_of(results, "classical", name) for name in methods(results)} | dict(lenets(results))
    return {name: column(own, "test_accuracy") for name, own in rows.items()}


def tuning(results: Results) -> str:
    """How much the RBF SVM's accuracy depends on C and gamma."""
    found = []
    for name in ("RBF SVM on pixels", "RBF SVM on HOG"):
        tried = results.part("tuning")[name]["tried"]
        for gamma in sorted({row["gamma"] for row in tried}):
            own = [row for row in tried if row["gamma"] == gamma]
            found.append([name, f"{gamma:g}", *(percent(row["validation_accuracy"]) for row in own)])
    values = sorted({row["C"] for row in results.part("tuning")["RBF SVM on pixels"]["tried"]})
    return table(["", "gamma", *(f"C = {value:g}" for value in values)], found)


def shifts(results: Results) -> str:
    """Accuracy on pictures that are moved."""
    rows = results.part("shifts")
    moves = list(rows["LeNet"]["test_accuracy"])
    cells = [[name, *(percent(row["test_accuracy"][by]) for by in moves)] for name, row in rows.items()]
    return table(["test pictures moved by", *(f"{by} px" for by in moves)], cells)


TABLES: dict[str, Callable[[Results], str]] = {
    "folklore": folklore,
    "alexnets": alexnets,
    "where": where,
    "speed": speed,
    "rates": rates,
    "pieces": pieces,
    "gradients": gradients,
    "depth": depth,
    "regularisation": regularisation,
    "kernels": kernels,
    "tuning": tuning,
    "shifts": shifts,
}


def filled(text: str, results: Results) -> str:
    """A page with the current table in each of its places.

    Raises:
        KeyError: a row that a table shows is not measured; the key is what `run.py` has to measure.
    """
    return _PLACE.sub(lambda m: f"{m[1]}{m[2]}{TABLES[m[1]](results)}\n", text)
