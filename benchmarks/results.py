"""A measured figure, and the file that keeps the last measurement of each."""

import json
import math
import os
import platform
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any, Literal

Better = Literal["higher", "lower"]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What is measured, and what is hoped for."""

    name: str
    """`area/figure`."""
    unit: str
    goal: float
    better: Better
    measured: str
    """One sentence: what exactly the number is."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A figure as it was measured."""

    name: str
    value: float
    """Median over the runs."""
    unit: str
    goal: float
    better: Better
    against: str
    """The peer, or the physical limit, with its version and its own number."""
    runs: int
    spread: tuple[float, float]
    """Least and largest of the runs."""
    processor: str = ""
    """What it was measured on: rows of one file may come from several machines."""

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.value >= self.goal if self.better == "higher" else self.value <= self.goal

    def line(self) -> str:
        """The row in one line of text."""
        sign = "≥" if self.better == "higher" else "≤"
        verdict = "met" if self.met else "MISSED"
        low, high = self.spread
        return (
            f"{self.name}: {self.value:g} {self.unit} ({low:g} to {high:g}, n = {self.runs}); "
            f"goal {sign} {self.goal:g}: {verdict}; against {self.against}"
        )


def row(figure: Figure, values: Sequence[float], against: str) -> Row:
    """The row of a figure that was measured several times.

    Args:
        figure: What was measured.
        values: One a run.
        against: The peer, with its version and number.
    """
    if not values or not all(math.isfinite(value) for value in values):
        raise ValueError(f"{figure.name}: every run must give a number; they gave {list(values)}")
    return Row(
        name=figure.name,
        value=significant(median(values)),
        unit=figure.unit,
        goal=figure.goal,
        better=figure.better,
        against=against,
        runs=len(values),
        spread=(significant(min(values)), significant(max(values))),
    )


def significant(value: float, digits: int = 3) -> float:
    """A number rounded to so many significant digits; whole numbers of four digits and more to whole numbers."""
    if value == 0:
        return 0.0
    rounded = round(value, max(0, digits - 1 - math.floor(math.log10(abs(value)))))
    return float(rounded)


def load(path: Path) -> dict[str, Any]:
    """The file's content: `rows` and `machine`; empty ones where there is no file yet."""
    if not path.exists():
        return {"machine": {}, "rows": []}
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def merge(path: Path, rows: Sequence[Row], machine: dict[str, Any]) -> None:
    """Put rows in the place of those of the same name; the file is replaced whole."""
    content = load(path)
    kept = {entry["name"]: entry for entry in content["rows"]}
    processor = machine.get("processor", "")
    kept |= {entry.name: asdict(entry) | {"processor": processor} for entry in rows}
    content = {"machine": machine, "rows": [kept[name] for name in sorted(kept)]}
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".json", delete=False, encoding="utf-8") as file:
        file.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)


def machine_facts() -> dict[str, Any]:
    """What the numbers depend on: processor, cores, versions. No names of hosts, no paths."""
    import torch

    packages = ("torch", "numpy", "zarr", "gymnasium", "stable-baselines3")
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch_threads": torch.get_num_threads(),
        "versions": {name: found for name in packages if (found := _version(name))},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
