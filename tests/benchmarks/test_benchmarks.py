import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.groups import GROUPS, Group, select
from benchmarks.pairs import paired, ratios
from benchmarks.reasons import REASONS
from benchmarks.report import report, table
from benchmarks.results import Figure, Row, load, merge, row, significant

FOLDER = Path(__file__).parents[2] / "benchmarks"
FIGURES = {figure.name: figure for group in GROUPS for figure in group.figures}
LONG = {
    "recording a CNN",
    "recording an MLP",
    "recording frames",
    "growth of a recording",
    "reading what has grown",
    "peers",
    "cluster",
    "reading",
    "dashboard",
    "saliency",
    "environments",
    "atlas",
    "probing",
    "probing on two workers",
    "memory of probing",
    "search of games",
    "search in environments",
}
"""Groups whose short form takes long."""
SLOW = {
    "recording a CNN": "ale_py",
    "reading": "ale_py",
    "dashboard": "ale_py",
    "environments": "minigrid",
    "saliency": "ale_py",
    "cluster": "ale_py",
    "probing": "ale_py",
    "probing on two workers": "ale_py",
}


def _figure(name: str = "area/figure", better: str = "higher") -> Figure:
    return Figure(name=name, unit="steps/s", goal=10, better=better, measured="A number.")  # type: ignore[arg-type]


def _in_ci(group: Group) -> Any:
    marks = [pytest.mark.torture] if group.name in LONG else []
    return pytest.param(group, marks=marks, id=group.name.replace(" ", "-"))


@pytest.mark.parametrize("group", [_in_ci(group) for group in GROUPS])
def test_each_measurement_runs_in_its_short_form(group: Group) -> None:
    if group.name in SLOW:
        pytest.importorskip(SLOW[group.name])
    if group.name == "dashboard":
        pytest.importorskip("playwright")
        if not Path("/usr/bin/chromium").exists():
            pytest.skip("there is no /usr/bin/chromium")
    names = " ".join(figure.name for figure in group.figures).split()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--only", *names],
        cwd=FOLDER.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for name in names:
        assert f"{name}: " in done.stderr


def test_the_readme_shows_what_the_results_say() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert report(text, load(FOLDER / "results.json")) == text, "run: python -m benchmarks, or make the README anew"


def test_every_result_is_a_figure_of_the_table_and_has_its_goal() -> None:
    for entry in load(FOLDER / "results.json")["rows"]:
        figure = FIGURES[entry["name"]]
        assert (entry["unit"], entry["goal"], entry["better"]) == (figure.unit, figure.goal, figure.better)
        low, high = entry["spread"]
        assert low <= entry["value"] <= high
        assert entry["runs"] >= 5
        assert entry["against"]


def test_every_missed_goal_has_its_reason() -> None:
    rows = [Row(**entry) for entry in load(FOLDER / "results.json")["rows"]]
    assert {entry.name for entry in rows if not entry.met} <= REASONS.keys()


def test_the_results_name_no_place() -> None:
    text = (FOLDER / "results.json").read_text(encoding="utf-8")
    assert not [word for word in ("/work", "/root", "/home", "/tmp", "hostname") if word in text]


def test_merging_replaces_rows_of_the_same_name_only(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    merge(path, [row(_figure("a/x"), [1.0, 2.0, 3.0], "nothing"), row(_figure("a/y"), [5.0], "nothing")], {})
    merge(path, [row(_figure("a/x"), [7.0], "something")], {"cores": 2})
    content = json.loads(path.read_text())
    assert [(entry["name"], entry["value"]) for entry in content["rows"]] == [("a/x", 7.0), ("a/y", 5.0)]
    assert content["machine"] == {"cores": 2}
    assert [file.name for file in tmp_path.iterdir()] == ["results.json"]


def test_a_row_holds_median_and_spread_and_knows_its_goal() -> None:
    higher = row(_figure(), [12.0, 9.0, 30.0], "a peer")
    assert (higher.value, higher.spread, higher.runs, higher.met) == (12.0, (9.0, 30.0), 3, True)
    assert not row(_figure(better="lower"), [12.0], "a peer").met
    with pytest.raises(ValueError, match="every run must give a number"):
        row(_figure(), [1.0, float("nan")], "a peer")


def test_the_table_says_missed_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REASONS, "a/slow", "the disk turns slowly")
    content = {"machine": {}, "rows": []}
    content["rows"] = [vars(row(_figure("a/fast"), [11.0], "a peer")), vars(row(_figure("a/slow"), [9.0], "a peer"))]
    fast, slow = table(content).splitlines()[2:4]
    assert "| met |" in fast
    assert fast.endswith("|  |")
    assert "| **missed** |" in slow
    assert "the disk turns slowly" in slow


def test_pairs_alternate_after_a_warm_up() -> None:
    order: list[str] = []

    def run(name: str, value: float) -> float:
        order.append(name)
        return value

    ours, peer = paired(lambda: run("A", 6.0), lambda: run("B", 3.0), 2)
    assert order == ["A", "B"] * 3
    assert ratios(ours, peer) == [2.0, 2.0]


def test_figures_are_found_by_name_and_by_area() -> None:
    assert select([]) == list(GROUPS)
    assert [group.name for group in select(["env", "cli"])] == ["command line", "environments"]
    assert [group.name for group in select(["recording/mlp_ratio"])] == ["recording an MLP"]
    assert select(["nothing"]) == []
    assert len(FIGURES) == sum(len(group.figures) for group in GROUPS)


@pytest.mark.parametrize(("value", "rounded"), [(0.0, 0.0), (0.91234, 0.912), (1234.5, 1234.0), (0.00123456, 0.00123)])
def test_numbers_are_rounded_to_three_digits(value: float, rounded: float) -> None:
    assert significant(value) == rounded
