"""The table in README.md, made from results.json."""

from pathlib import Path
from typing import Any

from benchmarks.groups import GROUPS
from benchmarks.reasons import REASONS
from benchmarks.results import Row, load

RESULTS, FIGURES = "made from results.json", "made from the table of figures"
"""What the markers around the two generated parts of README.md say."""


def write_report(folder: Path) -> None:
    """Make the parts of `README.md` between the markers anew: from `results.json` beside it, and from the figures."""
    readme = folder / "README.md"
    readme.write_text(report(readme.read_text(encoding="utf-8"), load(folder / "results.json")), encoding="utf-8")


def report(text: str, content: dict[str, Any]) -> str:
    """The README's text with its generated parts made anew.

    Args:
        text: The README as it is.
        content: What `results.json` holds.
    """
    text = _between(text, RESULTS, table(content))
    return _between(text, FIGURES, "\n".join(f"- `{f.name}`: {f.measured}" for g in GROUPS for f in g.figures))


def _between(text: str, what: str, made: str) -> str:
    begin, end = f"<!-- {what}: begin -->", f"<!-- {what}: end -->"
    before, found, rest = text.partition(begin)
    _, also_found, after = rest.partition(end)
    if not (found and also_found):
        raise ValueError(f"README.md lacks the markers {begin} and {end}")
    return f"{before}{begin}\n{made}\n{end}{after}"


def table(content: dict[str, Any]) -> str:
    """The rows as a Markdown table, and the machine in a sentence.

    Args:
        content: What `results.json` holds.
    """
    heads = ("figure", "measured", "goal", "", "runs (least to largest)", "against", "processor")
    lines = ["| " + " | ".join((*heads, "why it is missed, or in doubt")) + " |", "|" + "---|" * (len(heads) + 1)]
    for entry in content["rows"]:
        row = Row(**{**entry, "spread": tuple(entry["spread"])})
        sign = "≥" if row.better == "higher" else "≤"
        low, high = (number(value) for value in row.spread)
        cells = (
            f"`{row.name}`",
            f"{number(row.value)} {row.unit}".strip(),
            f"{sign} {number(row.goal)}",
            "met" if row.met else "**missed**",
            f"{row.runs} ({low} to {high})",
            row.against,
            row.processor,
            REASONS.get(row.name, "" if row.met else "not yet known"),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", machine_sentence(content["machine"])])


def machine_sentence(machine: dict[str, Any]) -> str:
    """What it was measured on."""
    if not machine:
        return "Not measured yet."
    versions = ", ".join(f"{name} {found}" for name, found in machine["versions"].items())
    return (
        f"Last measured on {machine['cores']} cores ({machine['processor']}, {machine['system']}), "
        f"Python {machine['python']}, "
        f"{versions}, {machine['torch_threads']} torch thread{'s' if machine['torch_threads'] != 1 else ''}."
    )


def number(value: float) -> str:
    """A number as people write it."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"
