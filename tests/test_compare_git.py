"""`compare --git`: what a branch changes of networks, as Markdown that no name of a file breaks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netspec.cli.compare import command
from netspec.comparison.request import MOST_LETTERS, code
from netspec.diagnostics import UsageError
from tests.checkouts import LENET, MLP, SEVERAL, checkout, commit, git, write
from tests.commands import invoke, program

EVIL = "a|b `c` @user <img src=x> ``d` *e* [f](g).yaml"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = checkout(tmp_path / "here", lenet=LENET, mlp=MLP, several=SEVERAL, same=MLP)
    monkeypatch.chdir(made)
    return made


def written(*words: object, status: int = 0) -> str:
    made = invoke(command, "--git", "main", *words)
    assert made.exception is None, made.exception
    assert made.return_value == status
    return made.stdout


def rows(text: str) -> list[list[str]]:
    """The cells of the table, whose `|` in code are escaped."""
    lines = [line for line in text.split("\n") if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_three_changed_specs_are_told_with_both_values(root: Path) -> None:
    write(root, "specs/lenet.yaml", LENET.replace("out_channels: 6", "out_channels: 8"))
    write(root, "specs/mlp.yaml", MLP.replace("ReLU", "GELU"))
    write(root, "specs/several.yaml", SEVERAL.replace("width: 4", "width: 5"))
    commit(root)
    text = written()
    assert rows(text)[1:] == [
        ["`specs/lenet.yaml`", "changed", "61,706 → 62,558 (+1.4 %)", "416,520 → 535,720 (+28.6 %)",
         "15.8 MiB → 20.4 MiB (+29.1 %) at 256"],
        ["`specs/mlp.yaml`", "changed", "407,050", "406,528", "3.1 MiB at 1"],
        ["`specs/several.yaml small`", "changed", "27,098 → 33,870 (+25.0 %)", "51,376 → 64,220 (+25.0 %)",
         rows(text)[3][4]],
    ]  # fmt: skip
    assert "~ 0  Conv2d: out_channels 6 → 8" in text
    assert "Keys of the `state_dict`: 3 of another shape." in text
    assert "All 4 keys of the `state_dict` are as they were." in text
    assert text.count("```mermaid\n") == text.count("<details>") == text.count("</details>") == 3
    assert "same" not in text


def test_specs_that_are_added_removed_moved_broken_or_changed_in_words_alone_are_said(root: Path) -> None:
    write(root, "specs/added.yaml", MLP)
    (root / "specs" / "several.yaml").unlink()
    git(root, "mv", "specs/lenet.yaml", "specs/moved.yaml")
    write(root, "specs/mlp.yaml", MLP.replace("512", "nothing"))
    write(root, "specs/same.yaml", MLP + "# the same\n")
    write(root, "other.yaml", "on: push\n")
    text = written(status=1)
    assert [row[:2] for row in rows(text)[1:]] == [
        ["`specs/added.yaml`", "added"], ["`specs/mlp.yaml`", "broken"], ["`specs/several.yaml`", "removed"],
        ["`specs/several.yaml small`", "removed"], ["`specs/several.yaml large`", "removed"],
    ]  # fmt: skip
    assert "- `specs/lenet.yaml` is `specs/moved.yaml` now, the same network\n" in text
    assert "- `specs/same.yaml`: another text, the same network\n" in text
    assert "error[unknown-name]: " in text


def test_one_that_was_broken_and_one_that_moved_and_changed_are_said(root: Path) -> None:
    write(root, "specs/mlp.yaml", MLP.replace("512", "nothing"))
    commit(root)
    git(root, "branch", "-f", "main")
    write(root, "specs/mlp.yaml", MLP)
    git(root, "mv", "specs/lenet.yaml", "specs/moved.yaml")
    write(root, "specs/moved.yaml", LENET.replace("Linear: 84", "Linear: 85"))
    text = written()
    assert "It was broken in `main`: there is nothing to compare it with." in text
    assert "It was `specs/lenet.yaml`. Keys" in text
    assert [row[1] for row in rows(text)[1:]] == ["added", "changed"]


def test_a_budget_that_is_exceeded_is_shown_with_the_comparison(root: Path) -> None:
    write(root, "specs/mlp.yaml", MLP.replace("512", "600") + "expect: {params: {at_most: 410_000}}\n")
    text = written(status=1)
    assert rows(text)[1][1] == "changed"
    assert "`mlp` has 477,010 parameters, but at most 410,000 are expected: 67,010 too many" in text


def test_no_name_of_a_file_is_read_as_markdown(root: Path) -> None:
    write(root, f"specs/{EVIL}", MLP)
    text = written()
    assert rows(text)[1][0] == "``` " + f"specs/{EVIL}".replace("|", "\\|") + " ```"
    assert f"### ``` specs/{EVIL} ```\n" in text
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text, flags=re.DOTALL)
    assert "@user" not in outside and "<img" not in outside
    assert len(rows(text)[1]) == 5
    assert code("a\nb\x1b") == "`a b`"
    assert code("`") == "`` ` ``"


def test_what_has_no_room_in_a_comment_is_left_out_pictures_first(root: Path) -> None:
    layers = ", ".join("Linear: 8, ReLU" for _ in range(40))
    for number in range(60):
        write(root, f"specs/n{number}.yaml", f"name: n{number}\ninput: [8]\nlayers: [{layers}]\n")
    text = written()
    assert len(text) <= MOST_LETTERS + 100
    assert len(rows(text)) == 61
    assert text.count("A comment has no room for its picture.") + text.count("```mermaid") == 60
    assert text.count("```") % 2 == 0


def test_only_those_that_are_named_and_nothing_where_nothing_differs(root: Path) -> None:
    assert written() == "## Networks that differ from `main`\n\nNo network differs.\n"
    write(root, "specs/mlp.yaml", MLP.replace("512", "600"))
    write(root, "more/one.yaml", MLP)
    assert [row[0] for row in rows(written("more"))[1:]] == ["`more/one.yaml`"]


def test_a_link_that_points_elsewhere_now_is_another_network(root: Path) -> None:
    link = root / "specs" / "best.yaml"
    link.symlink_to("mlp.yaml")
    commit(root)
    git(root, "branch", "-f", "main")
    link.unlink()
    link.symlink_to("lenet.yaml")
    assert rows(written())[1][:3] == ["`specs/best.yaml`", "changed", "407,050 → 61,706 (-84.8 %)"]


def test_options_that_say_nothing_here_are_refused(root: Path) -> None:
    for words in (("--draw", "x.svg"), ("--variant", "small"), ("--format", "json"), ("--set", "a=1")):
        made = invoke(command, "--git", "main", *words)
        assert isinstance(made.exception, UsageError) and words[0] in str(made.exception)
    assert program("compare", cwd=root).returncode == 2
    assert program("compare", "--git", "main", "--format", "markdown", cwd=root).returncode == 0


def test_the_picture_marks_what_differs_in_words_and_by_its_border(root: Path) -> None:
    changed = LENET.replace("out_channels: 6", "out_channels: 8").replace(
        "- Linear: 84", "- Dropout: 0.25\n  - Linear: 84"
    )
    write(root, "specs/lenet.yaml", changed)
    commit(root)
    text = written()
    chart = text.partition("```mermaid\n")[2].partition("```")[0]
    marked = re.findall(r'^  (n\d+)\["(\w+):<br/>([^"]*)"\]', chart, re.MULTILINE)
    assert [(kind, words.split(" ")[0]) for _, kind, words in marked if words.startswith("Conv2d")] == [
        ("changed", "Conv2d"), ("changed", "Conv2d"),
    ]  # fmt: skip
    assert any("Dropout" in words for _, _, words in marked)
    for kind in {kind for _, kind, _ in marked}:
        names = [name for name, of, _ in marked if of == kind]
        assert f"  class {','.join(names)} {kind}\n" in chart
        assert re.search(rf"^  classDef {kind} stroke:#\w+,stroke-width:3px$", chart, re.MULTILINE)
    assert "Picture, what differs with a thick border and a word" in text
    assert len(marked) < len(re.findall(r"^  n\d+[\[(]", chart, re.MULTILINE)) / 2
