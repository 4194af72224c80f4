"""What `docs/study-alexnet.md` says of figures follows from the figures."""

from __future__ import annotations

import re
from collections.abc import Callable
from statistics import mean

import pytest

from docs.study import counts, tables, training
from docs.study.store import Results, Row

RESULTS = Results()
PAGE = tables.PAGE.read_text(encoding="utf-8")
WORDS = " ".join(PAGE.replace("**", "").split())
"""The page on one line, without emphasis."""

Accuracies = list[float]


def lenet(variant: str) -> list[Row]:
    """The trainings of LeNet with some activation and pooling, at its own learning rate."""
    return tables.seeds_of(RESULTS, "pieces", variant, training.best_rate(RESULTS, variant))


def accuracies(*variants: str) -> Accuracies:
    return [row["test_accuracy"] for variant in variants for row in lenet(variant)]


def overlap(ours: Accuracies, theirs: Accuracies) -> bool:
    return max(min(ours), min(theirs)) <= min(max(ours), max(theirs))


def chosen_by(seed: int, variant: str, rate: float) -> Row:
    return RESULTS.part("pieces")[f"{variant} lr={rate:g} seed={seed}"]


def gradient(name: str, what: str) -> float:
    return RESULTS.part("gradients")[name][what]


def counted(name: str) -> Row:
    return RESULTS.part("counts")[name]


def regularised(title: str, what: str) -> Accuracies:
    return [row[what] for row in tables.seeds_of(RESULTS, "regularisation", title)]


def gap(title: str) -> float:
    """Accuracy while training above that on test pictures."""
    return mean(regularised(title, "train_accuracy")) - mean(regularised(title, "test_accuracy"))


def gains(title: str) -> list[str]:
    """Points of test accuracy over the network without either, for each seed."""
    both = zip(regularised(title, "test_accuracy"), regularised("nothing", "test_accuracy"), strict=True)
    return [f"{100 * (ours - theirs):.2f}" for ours, theirs in both]


def times_slower(batch: int) -> float:
    alexnet, lenet = (RESULTS.part("speed")[f"{net} batch={batch}"]["milliseconds"] for net in ("alexnet", "lenet"))
    return alexnet / lenet


def compared(name: str) -> Accuracies:
    return tables.compared(RESULTS)[name]


def tried(name: str, C: float, gamma: float) -> float:  # noqa: N803  # scikit-learn's own name
    rows = RESULTS.part("tuning")[name]["tried"]
    return next(row["validation_accuracy"] for row in rows if (row["C"], row["gamma"]) == (C, gamma))


def spread_of(name: str, gamma: float, least: float) -> float:
    rows = RESULTS.part("tuning")[name]["tried"]
    found = [row["validation_accuracy"] for row in rows if row["gamma"] == gamma and row["C"] >= least]
    return max(found) - min(found)


def moved(name: str, *by: int) -> tuple[float, ...]:
    return tuple(RESULTS.part("shifts")[name]["test_accuracy"][str(pixels)] for pixels in by)


SIGMOID, RELU = ("sigmoid_average", "sigmoid_max"), ("relu_average", "relu_max")
EPOCH = 2
"""The third."""

CLAIMS: dict[str, Callable[[], bool]] = {
    # ---- counts
    "46M is right": lambda: round(counted("alexnet")["params"], -6) in (46e6, 47e6),
    "in both, linear layers hold the parameters (95.8 % and 92.0 %) and convolutions do the work (85.9 % and 95.4 %)": (
        lambda: all(
            counts.share(counted(net), what, kinds) > 0.85
            for net in ("lenet", "alexnet")
            for what, kinds in (("params", tables.LINEAR), ("macs", tables.CONVOLUTIONS))
        )
    ),
    "more than half of AlexNet's parameters stand in one layer": lambda: (
        max(layer["params"] for layer in counted("alexnet")["layers"]) > counted("alexnet")["params"] / 2
    ),
    "torchvision's has more parameters than the book's and does less": lambda: (
        counted("alexnet of torchvision")["params"] > counted("alexnet")["params"]
        and counted("alexnet of torchvision")["macs"] < counted("alexnet")["macs"]
    ),
    # ---- activation and pooling
    "The worst of the six trainings with ReLU, 77.7 %, is better than the best of the six with sigmoids, 75.5 %": (
        lambda: min(accuracies(*RELU)) > max(accuracies(*SIGMOID))
    ),
    "a network of ReLUs has passed 74 % by then": lambda: (
        min(row["test_curve"][EPOCH] for variant in RELU for row in lenet(variant)) > 0.74
        and mean(row["test_curve"][EPOCH] for variant in SIGMOID for row in lenet(variant)) < 0.15
    ),
    "at a learning rate of 1 both networks with ReLU never leave the 10.0 % of guessing": lambda: (
        all(set(chosen_by(0, variant, 1)["test_curve"]) == {0.1} for variant in RELU)
        and all(chosen_by(0, variant, 1)["test_accuracy"] > 0.7 for variant in SIGMOID)
    ),
    "The ranges overlap, with sigmoids and with ReLU": lambda: all(
        overlap(accuracies(average), accuracies(maximum)) for average, maximum in (SIGMOID, RELU)
    ),
    # ---- gradients
    "gets gradients of 0.4 % of the last layer's; in the deeper AlexNet, of 0.0016 %": lambda: (
        f"{100 * gradient('LeNet, sigmoid, average', 'ratio'):.1f}" == "0.4"
        and f"{100 * gradient('AlexNet/8, sigmoid', 'ratio'):.4f}" == "0.0016"
    ),
    "With ReLU the first layer gets even more than the last": lambda: all(
        gradient(name, "ratio") > 1 for name in RESULTS.part("gradients") if "ReLU" in name
    ),
    "with ReLU the first layer's gradients are 1.14 times as large as with average pooling": lambda: (
        round(gradient("LeNet, ReLU, max", "first") / gradient("LeNet, ReLU, average", "first"), 2) == 1.14
        and round(gradient("LeNet, sigmoid, max", "first") / gradient("LeNet, sigmoid, average", "first"), 1) == 1.0
    ),
    "nothing is learned in eight epochs, 504 steps, at either learning rate": lambda: all(
        row["steps"] == 504 and row["test_accuracy"] < 0.12 for row in RESULTS.part("depth").values()
    ),
    # ---- dropout and augmentation
    "Dropout narrows that, and with augmentation it is gone": lambda: (
        0.08 < gap("nothing") < 0.12
        and gap("dropout") < gap("nothing") - 0.02
        and max(gap("augmentation"), gap("dropout and augmentation")) < 0.01
    ),
    "dropout gains 0.55 and 1.70 points over nothing, and augmentation loses 0.45 and 1.10": lambda: (
        gains("dropout") == ["0.55", "1.70"] and gains("augmentation") == ["-0.45", "-1.10"]
    ),
    "the two seeds of one setting, each with pictures of its own, lie further apart": lambda: (
        min(abs(a - b) for a, b in (regularised(title, "test_accuracy") for title in training.REGULARISED)) > 0.017
    ),
    "whose network is 119 times as large": lambda: (
        round(counted("alexnet")["params"] / counted("alexnet, an eighth")["params"]) == 119
    ),
    "the more pictures go through at once the less that matters": lambda: (
        times_slower(1) < times_slower(32) < counted("alexnet")["macs"] / counted("lenet")["macs"]
    ),
    # ---- kernel methods
    "is right about 86.7 % of the pictures, as LeNet is when it is trained in earnest": lambda: (
        overlap(compared("RBF SVM on pixels"), compared("the same, the rate falling"))
        and min(compared("RBF SVM on pixels")) > max(compared("LeNet: sigmoid, average") + compared("LeNet: ReLU, max"))
    ),
    "and the linear one from 83.1 % to 86.7 %; the forest has 84.9 % with either": lambda: (
        min(compared("RBF SVM on HOG")) > max(compared("RBF SVM on pixels"))
        and min(compared("linear SVM on HOG")) > max(compared("linear SVM on pixels"))
        and overlap(compared("random forest on HOG"), compared("random forest on pixels"))
    ),
    "is the best of the table, each of its runs above each of LeNet's": lambda: all(
        min(compared("RBF SVM on HOG")) > max(values)
        for name, values in tables.compared(RESULTS).items()
        if name != "RBF SVM on HOG"
    ),
    "Testing an SVM costs as much as training it": lambda: all(
        0.5 < row["cpu_seconds_testing"] / row["cpu_seconds_training"] < 2
        for key, row in RESULTS.part("classical").items()
        if key.startswith("RBF")
    ),
    "C hardly matters from 1 or 10 on": lambda: all(
        spread_of(name, gamma=1, least=1) < 0.015 for name in ("RBF SVM on pixels", "RBF SVM on HOG")
    ),
    "scikit-learn's own gamma is the best of its column": lambda: all(
        tried(name, C, 1) > max(tried(name, C, 0.1), tried(name, C, 10))
        for name in ("RBF SVM on pixels", "RBF SVM on HOG")
        for C in (0.1, 1, 10, 100)
    ),
    "ten times that gamma costs the SVM on HOG more than half of its accuracy": lambda: all(
        tried("RBF SVM on HOG", C, 10) < tried("RBF SVM on HOG", C, 1) / 2 for C in (0.1, 1, 10, 100)
    ),
    "The RBF SVM on pixels falls from 85.6 % to 67.1 %": lambda: moved("RBF SVM on pixels", 0, 2) == (0.856, 0.671),
    "from 86.0 % to 77.5 %": lambda: tables.percent(moved("RBF SVM on HOG", 0, 2)[1]) == "77.5 %",
    "falls from 83.4 % to 76.5 %": lambda: moved("LeNet", 0, 2)[1] > moved("RBF SVM on pixels", 0, 2)[1] + 0.05,
    "at four pixels all of them are right about less than half": lambda: all(
        row["test_accuracy"]["4"] < 0.5 for row in RESULTS.part("shifts").values()
    ),
}
"""A sentence of the page, or its beginning → whether the figures bear it out."""


@pytest.mark.parametrize("sentence", CLAIMS)
def test_what_the_page_says_stands_there_and_follows_from_the_figures(sentence: str) -> None:
    assert sentence in WORDS
    assert CLAIMS[sentence]()


# ---- numbers in the text


OF_OTHERS = {
    "8.1": "the section of the book",
    "0.6": "M parameters, as the notes say of LeNet",
    "0.06": "M parameters: 61,706",
    "0.4": "M MACs: 416,520",
    "88.2": "% on the test pictures, as the notes say of AlexNet",
    "918.8": "pictures a second, likewise",
    "1.2": "million pictures of ImageNet",
    "1,296": "numbers of HOG for a picture: 6 × 6 blocks of 4 cells with 9 directions",
    "10,000": "pictures",
    "60,000": "pictures",
    "3,000": "pictures",
    "2,000": "pictures",
}
"""Numbers of the text that stand in no table, and what they are."""


def test_every_figure_of_the_text_stands_in_a_table_or_follows_from_one() -> None:
    """Those with a decimal point or a comma, which nobody writes without having read them off somewhere."""
    held = set(_numbers("".join(table(RESULTS) for table in tables.TABLES.values())))
    claimed = set(_numbers(" ".join(CLAIMS)))
    text = re.sub(r"^(```.*?^```|\|.*?)$", "", PAGE, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`]*`|\]\([^)]*\)|<!--.*?-->", "", text)
    assert [number for number in _numbers(text) if number not in held | claimed | set(OF_OTHERS)] == []


def _numbers(text: str) -> list[str]:
    return re.findall(r"(?<![\w.,])\d+(?:,\d{3})+(?!\d)|(?<![\w.])\d+\.\d+", text)
