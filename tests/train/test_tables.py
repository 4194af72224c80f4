"""Data in tables: what is made of their columns is what the same program would make by hand, and trains alike."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from safetensors.torch import save_file
from torch import Tensor

import netspec
from netspec.cli import cli
from netspec.diagnostics import NetspecError
from netspec.recipe.datasets.table import Table
from netspec.trainer.data.columns import CategoryColumn, NumberColumn, columns_of
from netspec.trainer.data.frames import read_frame
from netspec.trainer.data.splits import hold_out
from netspec.trainer.data.table import examples_of
from tests.commands import flowing, invoke
from tests.train.small_runs import finish, run_until

pytest.importorskip("polars")

ROWS = 60
KINDS = ("flat", "house", "villa", "")


def cells(number: int) -> dict[str, str]:
    """A row: an id, two numbers of which one may be missing, a category likewise, a truth, and what follows of them."""
    draw = torch.rand(4, generator=torch.Generator().manual_seed(number)).tolist()
    area, rooms, kind = 50 + 100 * draw[0], int(5 * draw[1]), KINDS[int(4 * draw[2])]
    price = 1000 * area + 5000 * rooms + 20_000 * len(kind)
    return {
        "id": str(number), "area": f"{area:.2f}", "rooms": str(rooms) if rooms else "NA", "kind": kind,
        "garden": str(draw[3] > 0.5), "price": f"{price:.1f}", "sold": "yes" if price > 130_000 else "no",
        "grade": str(1 + int(price > 120_000) + int(price > 180_000)),
    }  # fmt: skip


def write(path: Path, rows: list[dict[str, str]]) -> list[dict[str, str]]:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writeheader()
        writer.writerows(rows)
    return rows


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "houses.csv", [cells(i) for i in range(ROWS)])
    write(tmp_path / "test.csv", [cells(ROWS + i) for i in range(20)])
    return tmp_path


def as_tensors(rows: list[dict[str, str]], seen: list[dict[str, str]]) -> Tensor:
    """The rows as vectors, by what the seen rows say: written out, column by column."""
    columns: list[Tensor] = []
    for name in ("area", "rooms"):
        known = torch.tensor([float(row[name]) for row in seen if row[name] not in ("NA", "")], dtype=torch.float64)
        mean, deviation = known.mean(), known.std(unbiased=False)
        values = [mean if row[name] in ("NA", "") else torch.tensor(float(row[name])) for row in rows]
        columns.append((torch.stack([value.double() for value in values]) - mean) / deviation)
    kinds = sorted({row["kind"] for row in seen} - {""})
    has_missing = any(row["kind"] == "" for row in seen)
    named = [*kinds, *([""] if has_missing else [])]
    columns += [torch.tensor([row["kind"] == kind for row in rows]).double() for kind in named]
    known = torch.tensor([float(row["garden"] == "True") for row in seen], dtype=torch.float64)
    garden = torch.tensor([float(row["garden"] == "True") for row in rows], dtype=torch.float64)
    columns.append((garden - known.mean()) / known.std(unbiased=False))
    return torch.stack(columns, 1).float()


def spec(data: str, loss: str, width: int, outputs: int, **more: Any) -> str:
    keys = "".join(f"  {key}: {value}\n" for key, value in ({"epochs": 3} | more).items())
    return (
        f"name: houses\ninput: [{width}]\nlayers: [Linear: 8, ReLU, Linear: {outputs}]\ntrain:\n  data: {{{data}}}\n"
        f"  batch_size: 8\n  optimizer: {{Adam: {{lr: 0.01}}}}\n  loss: {loss}\n{keys}"
    )


TARGETS: dict[str, tuple[str, str, int]] = {
    "values": ("price", "L1Loss", 1),
    "classes": ("grade", "CrossEntropyLoss", 3),
    "a yes and a no": ("sold", "BCEWithLogitsLoss", 1),
}


def target(rows: list[dict[str, str]], name: str) -> Tensor:
    if name == "price":
        return torch.tensor([[float(row[name])] for row in rows])
    if name == "grade":
        return torch.tensor([int(row[name]) - 1 for row in rows])
    return torch.tensor([[float(row[name] == "yes")] for row in rows])


@pytest.mark.slow
@pytest.mark.parametrize("kind", TARGETS)
def test_a_table_trains_as_the_tensors_that_one_would_make_of_it(kind: str, here: Path) -> None:
    name, loss, outputs = TARGETS[kind]
    rows, tests = [cells(i) for i in range(ROWS)], [cells(ROWS + i) for i in range(20)]
    y = target(rows, name)
    kept, _ = hold_out(y, 0.25, 0)
    seen = [rows[i] for i in kept.tolist()]
    for part, of in (("train", rows), ("test", tests)):
        save_file({"x": as_tensors(of, seen), "y": target(of, name)}, f"{part}.safetensors")
    width = as_tensors(rows, seen).shape[1]
    drop = [column for column in ("id", "price", "sold", "grade") if column != name]
    table = f"table: {{train: houses.csv, test: test.csv, target: {name}, drop: [{', '.join(drop)}]}}"
    tensors = "tensors: {train: train.safetensors, test: test.safetensors}"
    own = finish(netspec.loads(spec(table, loss, width, outputs, validation=0.25)), here / "own")
    plain = finish(netspec.loads(spec(tensors, loss, width, outputs, validation=0.25)), here / "plain")
    for mine, theirs in zip(own.records, plain.records, strict=True):
        for figure in ("train_loss", "validation_loss", "test_loss", "test_accuracy"):
            expected = getattr(theirs, figure)
            assert getattr(mine, figure) == (expected and pytest.approx(expected, rel=1e-5))


@pytest.mark.slow
def test_a_run_on_a_table_resumes_to_the_bit_by_what_it_learned_first(here: Path) -> None:
    table = "table: {train: houses.csv, test: test.csv, target: price, drop: [id, sold, grade]}"
    net = netspec.loads(spec(table, "L1Loss", 7, 1, validation=0.25, metrics="[R2Score]", best="validation_r2"))
    whole = finish(net, here / "whole")
    run_until(net, here / "parts", 9)
    parts = finish(net, here / "parts")
    assert (whole.run / "model.safetensors").read_bytes() == (parts.run / "model.safetensors").read_bytes()
    assert [record.parts for record in whole.records] == [record.parts for record in parts.records]
    assert (whole.run / "table.json").read_text() == (parts.run / "table.json").read_text()


@pytest.mark.slow
def test_what_is_learned_is_of_the_rows_that_are_trained_on_alone(here: Path) -> None:
    """A number far off in a row that is held out changes nothing."""
    rows = [cells(i) for i in range(ROWS)]
    _, held = hold_out(target(rows, "price"), 0.25, 0)
    rows[int(held[0])]["area"] = "1e9"
    write(here / "other.csv", rows)
    kept: list[str] = []
    for file in ("houses.csv", "other.csv"):
        table = f"table: {{train: {file}, target: price, drop: [id, sold, grade]}}"
        run = finish(netspec.loads(spec(table, "L1Loss", 7, 1, validation=0.25, epochs=1)), here / file[:-4]).run
        kept.append((run / "table.json").read_text())
    assert kept[0] == kept[1]


def netspec_(*words: object) -> Result:
    return invoke(cli, *words)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_predictions_stand_beside_the_rows_that_they_are_of(kind: str, ending: str, here: Path) -> None:
    import polars

    name, loss, outputs = TARGETS[kind]
    drop = [column for column in ("id", "price", "sold", "grade") if column != name]
    table = f"table: {{train: houses.csv, target: {name}, drop: [{', '.join(drop)}]}}"
    run = finish(netspec.loads(spec(table, loss, 7, outputs, epochs=1)), here / "run").run
    rows = [{key: value for key, value in cells(100 + i).items() if key in ("id", "area", "rooms", "kind", "garden")}
            for i in range(7)]  # fmt: skip
    write(here / "new.csv", rows)
    told = netspec_("predict", run, "new.csv", "-o", f"out.{ending}")
    assert told.output == f"out.{ending} (7 rows)\n"
    read = polars.read_parquet if ending == "parquet" else polars.read_csv
    options = {"separator": "\t"} if ending == "tsv" else {}
    found = read(f"out.{ending}", **options)
    seen = [cells(i) for i in range(ROWS)]
    output = netspec.open_run(run).predict(as_tensors(rows, seen))
    assert [str(i) for i in found["id"]] == [row["id"] for row in rows]
    if kind == "values":
        assert found["predicted_price"].to_list() == pytest.approx(output[:, 0].tolist(), rel=1e-4)
    elif kind == "classes":
        assert [str(g) for g in found["predicted_grade"]] == [str(1 + i) for i in output.argmax(1).tolist()]
        assert found["probability"].to_list() == pytest.approx(output.softmax(1).amax(1).tolist(), rel=1e-4)
    else:
        assert found["predicted_sold"].to_list() == ["yes" if x > 0 else "no" for x in output[:, 0].tolist()]
        assert found["probability_sold"].to_list() == pytest.approx(output[:, 0].sigmoid().tolist(), rel=1e-4)


def test_a_yes_or_no_is_said_by_its_word_and_column(here: Path) -> None:
    table = "table: {train: houses.csv, target: sold, drop: [id, price, grade]}"
    run = finish(netspec.loads(spec(table, "BCEWithLogitsLoss", 7, 1, epochs=1)), here / "run").run
    said = json.loads(netspec_("predict", run, "houses.csv", "--format", "json").stdout)
    text = netspec_("predict", run, "houses.csv").stdout
    for answer in said:
        (score,), label = answer["outputs"]["output"], answer["labels"]["sold"]
        word, share = "yes" if score > 0 else "no", 1 / (1 + math.exp(-abs(score)))
        assert label == {"name": word, "probability": pytest.approx(share)}
        assert f"houses.csv[{answer['example']}]:\n  sold: {word} {share:.3f}\n" in text


@pytest.mark.slow
def test_a_parquet_file_is_what_its_csv_is(here: Path) -> None:
    import polars

    polars.read_csv("houses.csv", null_values=["NA", ""], infer_schema_length=None).write_parquet("houses.parquet")
    kept: list[Any] = []
    for file in ("houses.csv", "houses.parquet"):
        table = f"table: {{train: {file}, target: price, drop: [id, sold, grade]}}"
        run = finish(netspec.loads(spec(table, "L1Loss", 7, 1, epochs=1)), here / file.replace(".", "-")).run
        kept.append(json.loads((run / "table.json").read_text()))
    assert kept[0] == kept[1]


def test_several_targets_are_a_vector(here: Path) -> None:
    table = "table: {train: houses.csv, target: [price, area], columns: [rooms, kind], categories: rooms}"
    run = finish(netspec.loads(spec(table, "MSELoss", 9, 2, epochs=1)), here / "run").run
    columns = columns_of((run / "table.json").read_text(), "table.json")
    assert [column.name for column in columns.seen] == ["rooms", "kind"] and columns.width == 9


def test_categories_that_the_run_has_not_seen_are_warned_of(here: Path) -> None:
    table = "table: {train: houses.csv, target: price, drop: [id, sold, grade]}"
    run = finish(netspec.loads(spec(table, "L1Loss", 7, 1, epochs=1)), here / "run").run
    kinds = ["castle", "tent", "castle", "flat", ""]
    write(here / "new.csv", [cells(100 + i) | {"kind": kind} for i, kind in enumerate(kinds)])
    told = (
        "warning: the column `kind` of `new.csv` has what no training row has: `castle` in 2 rows, `tent` in 1 row; "
        "the net is told of none of its categories there"
    )
    for words in ((), ("-o", "out.csv"), ("--format", "json")):
        done = netspec_("predict", run, "new.csv", *words)
        assert (done.exit_code, flowing(done.stderr)) == (0, told)
        assert "warning" not in done.stdout
    write(here / "new.csv", [cells(100)])
    assert netspec_("predict", run, "new.csv").stderr == ""


@pytest.mark.parametrize(("targets", "names"), [("price", ["price"]), ("[price, area]", ["price", "area"])])
def test_what_is_said_of_a_row_has_the_names_of_its_columns(targets: str, names: list[str], here: Path) -> None:
    data = f"table: {{train: houses.csv, target: {targets}, columns: [rooms, kind]}}"
    run = finish(netspec.loads(spec(data, "L1Loss", 5, len(names), epochs=1)), here / "run").run
    (here / "new.csv").write_text("rooms,kind\n2,flat\n")
    lines = netspec_("predict", run, "new.csv").output.splitlines()
    assert [line.partition(":")[0].strip() for line in lines] == ["new.csv[0]", *names]
    (answer,) = json.loads(netspec_("predict", run, "new.csv", "--format", "json").output)
    assert list(answer["outputs"]) == names


def test_scores_of_a_yes_and_a_no_are_no_values_of_their_column(here: Path) -> None:
    data = "table: {train: houses.csv, target: sold, columns: [rooms, kind]}"
    run = finish(netspec.loads(spec(data, "BCEWithLogitsLoss", 5, 1, epochs=1)), here / "run").run
    (here / "new.csv").write_text("rooms,kind\n2,flat\n")
    told = str(netspec_("predict", run, "new.csv", "-o", "out").exception)
    assert "its ending is one of .csv, .tsv, .parquet, as in `out.csv`" in told and not Path("out").exists()
    assert netspec_("predict", run, "new.csv").output.splitlines()[1].startswith(("  sold: yes 0.", "  sold: no 0."))


# ---- what is wrong


WRONG: dict[str, tuple[str, str, str, int]] = {
    # what is written, the head and rows of the file, the end of the message, outputs
    "no such target": ("target: cost", "a,price\n1,2\n", "no column `cost`; its columns are a, price", 1),
    "nearly the target": ("target: prize", "a,price\n1,2\n", "no column `prize`; did you mean `price`?", 1),
    "no such column": ("target: price, drop: idd", "id,a,price\n1,1,2\n", "no column `idd`; did you mean `id`?", 1),
    "a missing target": ("target: price", "a,price\n1,2\n1,\n2,NA\n", "missing in 2 rows, the first of them row 2", 1),
    "texts as target": ("target: price", "a,price\n1,x\n1,y\n1,z\n", "has texts, such as `x`, but `MSELoss`", 1),
    "another width": ("target: price", "a,b,price\n1,2,3\n", "gives 2 numbers (2 columns of numbers), but the net's "
                      "input is 1: write `input: [2]`", 1),
    "infinite": ("target: price", "a,price\n1,2\ninf,3\n", "t.csv` has a value in row 2 that is not finite", 1),
    "too many columns in a line": ("target: price", "a,price\n1,2\n1,2,3\n", "line 3 has 3 columns, and the head 2", 1),
    "no rows": ("target: price", "a,price\n", "has no rows", 1),
    "nothing": ("target: price", "", "write it anew as CSV", 1),
    "two of a name": ("target: price", "a,a,price\n1,2,3\n", "has the column `a` twice", 1),
    "only the target": ("target: price", "price\n1\n2\n", "no column that the net could see, but only price", 1),
    "another separator": ("target: price", "a;price\n1;2\n", 'as one column, `a;price`; write `separator: ";"`', 1),
    "numbers with separators": ("target: price", 'a,price\n"1,000.5",2\n"2,000",3\n', "numbers in a form that is not "
                                "read, such as `1,000.5`; write them as 1234.5, or say `categories: a`", 1),
    "a number beyond float32": ("target: price", "a,price\n1,2\n1e39,3\n", "column `a` of `", 1),
    "its row and the limit": ("target: price", "a,price\n1,2\n1e39,3\n", "has a value in row 2 of 1e+39, and float32 "
                              "goes to 3.403e+38; mend it", 1),
    "a target beyond float32": ("target: price", "a,price\n1,2\n1,-1e300\n", "`price` of `", 1),
    "a slip among numbers": ("target: price", "a,price\n1,2\n2,3\n9x,4\n", "2 of 3 are numbers, but row 3 has `9x`; "
                             "mend it, or let `missing` list it, if it stands for no value, or say `categories: a`", 1),
    "a slip in the target": ("target: price", "a,price\n1,2\n2,3\n3,4\n4,?\n", "in the column `price`", 1),
    "dates": ("target: price", "a,price\n2026-01-31,2\n2026-02-28,3\n", "dates, such as `2026-01-31`", 1),
    "dates with points": ("target: price", "a,price\n31.1.2026,2\n28.2.2026,3\n", "dates, such as `28.2.2026`", 1),
    "units": ("target: price", "a,price\n12 kg,2\n7 kg,3\n", "has numbers with a unit, such as `12 kg`; take away the "
              "`kg`, or say `categories: a`", 1),
    "two outputs": ("target: price", "a,price\n1,2\n", "names 1 column, but `MSELoss` compares with 2", 2),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_table_that_cannot_be_used_is_told_with_its_place(case: str, here: Path) -> None:
    arguments, content, words, outputs = WRONG[case]
    (here / "t.csv").write_text(content)
    net = netspec.loads(spec(f"table: {{train: t.csv, {arguments}}}", "MSELoss", 1, outputs))
    with pytest.raises(NetspecError) as caught:
        netspec.train(net, run=here / "run", quiet=True)
    assert words in str(caught.value)
    assert not (here / "run").exists()


@pytest.mark.parametrize("seen", [True, False])
def test_bytes_in_a_column_are_told_and_may_be_left_out(seen: bool, here: Path) -> None:
    import polars

    frame = polars.DataFrame({"a": [1.0, 2.0, 3.0], "b": [b"\xff", b"\x00", b"x"], "price": [1.0, 2.0, 4.0]})
    frame.write_parquet("t.parquet")
    more = "" if seen else ", drop: b"
    net = netspec.loads(spec(f"table: {{train: t.parquet, target: price{more}}}", "MSELoss", 1, 1, epochs=1))
    if seen:
        with pytest.raises(NetspecError, match=r"the column `b` of `.*` is of Binary, .* leave it out with `drop: b`"):
            netspec.train(net, run=here / "run", quiet=True)
    else:
        finish(net, here / "run")


def test_nan_in_parquet_is_what_is_missing(here: Path) -> None:
    import polars

    nan = float("nan")
    frame = polars.DataFrame({"a": [1.0, nan, 3.0], "price": [1.0, 2.0, 4.0], "grade": [1.0, nan, 2.0]})
    frame.write_parquet("t.parquet")
    for target, loss in (("grade", "MSELoss"), ("grade", "CrossEntropyLoss")):
        data = f"table: {{train: t.parquet, target: {target}, columns: a}}"
        net = netspec.loads(spec(data, loss, 1, 1 if loss == "MSELoss" else 2))
        with pytest.raises(NetspecError, match=r"`grade` of `.*` is missing in 1 row, the first of them row 2"):
            netspec.train(net, run=here / "run", quiet=True)
    run = finish(netspec.loads(spec("table: {train: t.parquet, target: price, columns: a}", "MSELoss", 1, 1)),
                 here / "run").run  # fmt: skip
    (column,) = columns_of((run / "table.json").read_text(), "").seen
    assert isinstance(column, NumberColumn) and column.fill == 2.0


def test_numbers_that_are_categories_are_compared_as_numbers(here: Path) -> None:
    """A library writes 94107.0 for 94107 where another row has none."""
    (here / "train.csv").write_text("zip,kind,price\n94107,1,1\n94107.0,2,2\n10115,1,3\n")
    (here / "test.csv").write_text("zip,kind,price\n94107.00,2.0,1\n10115,1,3\n20095,1,3\n")
    data = "table: {train: train.csv, test: test.csv, target: kind, columns: zip, categories: zip}"
    run = finish(netspec.loads(spec(data, "CrossEntropyLoss", 2, 2, epochs=1)), here / "run").run
    kept = columns_of((run / "table.json").read_text(), "")
    (column,) = kept.seen
    assert isinstance(column, CategoryColumn) and column.values == ("10115", "94107")
    x = examples_of(read_frame(here / "test.csv", Table(train="", target="kind")), kept, "test.csv")
    assert x.equal(torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prices", "told"),
    [
        ("250000 310000 275000", "write it in another unit, such as price / 100,000"),
        ("60 60.1 60.2", "take a number near 60.1 off it"),
        ("1 2 3", None),
    ],
)
def test_a_target_far_from_what_a_net_begins_with_is_mentioned(prices: str, told: str | None, here: Path) -> None:
    (here / "t.csv").write_text("a,price\n" + "".join(f"{i},{price}\n" for i, price in enumerate(prices.split())))
    (here / "s.yaml").write_text(spec("table: {train: t.csv, target: price}", "MSELoss", 1, 1, epochs=1))
    done = netspec_("train", "s.yaml", "--run", "run", "--device", "cpu")
    assert done.exit_code == 0
    notes = [line for line in done.stderr.splitlines() if "are not scaled" in line]
    assert len(notes) == (told is not None) and all(line.endswith(str(told)) for line in notes)


def test_a_check_opens_no_file_and_a_rehearsal_does(here: Path) -> None:
    (here / "s.yaml").write_text(spec("table: {train: houses.csv, target: prize}", "MSELoss", 7, 1))
    assert netspec_("check", "s.yaml").exit_code == 0
    told = str(netspec_("train", "s.yaml", "--dry-run", "--device", "cpu").exception)
    assert "no column `prize`; did you mean `price`?" in told
    assert not (here / "runs").exists()


def test_other_bytes_are_no_table(here: Path) -> None:
    for content in (b"a,price\n\xe9,2\n", bytes(range(256)), b"\xe9,price\n1,2\n"):
        (here / "t.csv").write_bytes(content)
        (here / "t.parquet").write_bytes(content)
        for file in ("t.csv", "t.parquet"):
            net = netspec.loads(spec(f"table: {{train: {file}, target: price}}", "MSELoss", 1, 1))
            with pytest.raises(NetspecError, match=rf"t\.{file[2:]}` .*; (convert|write) it"):
                netspec.train(net, run=here / "run", quiet=True)


def test_a_text_for_a_number_in_the_test_rows_is_told(here: Path) -> None:
    write(here / "test.csv", [cells(3) | {"area": "big"}])
    table = "table: {train: houses.csv, test: test.csv, target: price, drop: [id, sold, grade]}"
    with pytest.raises(NetspecError, match=r"`area` of `.*test\.csv` has texts, such as `big`"):
        netspec.train(netspec.loads(spec(table, "L1Loss", 7, 1)), run=here / "run", quiet=True)


def test_a_class_that_no_training_row_has_is_told(here: Path) -> None:
    write(here / "test.csv", [cells(3) | {"grade": "7"}])
    table = "table: {train: houses.csv, test: test.csv, target: grade, drop: [id, sold, price]}"
    with pytest.raises(NetspecError, match=r"`grade` of `.*test\.csv` is `7` in row 1, which no training row has"):
        netspec.train(netspec.loads(spec(table, "CrossEntropyLoss", 7, 3)), run=here / "run", quiet=True)


def test_a_damaged_file_of_the_run_is_told(here: Path) -> None:
    table = "table: {train: houses.csv, target: price, drop: [id, sold, grade]}"
    run = finish(netspec.loads(spec(table, "L1Loss", 7, 1, epochs=1)), here / "run").run
    for content in ("", "{}", "[1]", '{"format": "netspec.table/1", "columns": [{"kind": "code"}]}'):
        (run / "table.json").write_text(content)
        told = netspec_("predict", run, "houses.csv")
        assert told.exit_code == 1 and "table.json` is no netspec.table/1" in str(told.exception)
