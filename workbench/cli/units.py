"""`workbench features --units`: what single units are tuned to, how redundant they are, which are dead."""

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.cli.analysis_options import FeaturesOptions
from workbench.cli.table import format_table, to_json
from workbench.printable import printable

if TYPE_CHECKING:
    from workbench.analyses.representation.tuning import Tuning
    from workbench.analyses.representation.units import UnitReport
    from workbench.recording import Recording


def run_units(options: FeaturesOptions, recording: "Recording") -> None:
    """Look at a layer's units, and print what they are.

    Raises:
        WorkbenchError: What `unit_report` and `unit_tuning` raise.
    """
    from workbench.analyses.representation.tuning import unit_tuning
    from workbench.analyses.representation.units import unit_report
    from workbench.cli.features import progress_of, save_figure

    assert options.layer is not None
    with progress_of("reading units", "steps") as told:
        report = unit_report(recording, options.layer, seed=options.seed, progress=told)
    with progress_of("tuning", "shuffles") as told:
        tunings = unit_tuning(recording, options.layer, seed=options.seed, progress=told)
    if options.figure is not None:
        from workbench.figures.units import selectivity_figure

        save_figure(selectivity_figure(tunings), options)
    if options.json:
        sys.stdout.write(f"{to_json(_facts(options, report, tunings))}\n")
    else:
        sys.stdout.write(f"{_describe(report, tunings)}\n")


def _best(tunings: "tuple[Tuning, ...]", unit: int) -> "Tuning":
    return max(tunings, key=lambda one: float(np.nan_to_num(one.selectivity.mean[unit])))


def _describe(report: "UnitReport", tunings: "tuple[Tuning, ...]") -> str:
    what = "channels" if len(report.shape) == 3 else "units"
    saturated = (
        "has no bounds to be saturated at" if report.saturated is None else f"saturated: {report.is_saturated.sum()}"
    )
    lines = [
        f"{len(report.mean)} {what} of {printable(report.layer)} ({printable(report.module) or 'unknown module'}), "
        f"{report.steps:,} steps of {report.episodes:,} episodes",
        f"dead (the same everywhere): {int(report.dead.sum())}; {saturated}",
        "",
    ]
    header = ("unit", "mean", "sd", "at 0", "R² from others, held out [95 %]", "tuned to", "η² [95 %]", "by chance")
    rows = []
    for unit in range(len(report.mean)):
        best = _best(tunings, unit)
        rows.append(
            (
                str(unit),
                f"{report.mean[unit]:.3g}".replace("-", "−"),
                f"{report.spread[unit]:.3g}",
                f"{report.silent[unit]:.0%}".replace("%", " %"),
                _words(report.predicted, unit),
                "dead" if report.dead[unit] else printable(best.concept),
                _words(best.selectivity, unit),
                f"{best.control[unit]:.2f}, p = {best.chance[unit]:.2g}",
            )
        )
    lines.append(format_table(header, rows, right=(0, 1, 2, 3)))
    lines += [f"note: {note}" for note in report.notes]
    return "\n".join(lines)


def _words(means: Any, unit: int) -> str:
    value, low, high = means.mean[unit], means.low[unit], means.high[unit]
    if not np.isfinite(value):
        return "–"
    text = f"{value:.2f} [{low:.2f}, {high:.2f}]" if np.isfinite(low) else f"{value:.2f} [no interval]"
    return text.replace("-", "−")


def _facts(options: FeaturesOptions, report: "UnitReport", tunings: "tuple[Tuning, ...]") -> dict[str, Any]:
    def three(means: Any) -> dict[str, Any]:
        return {name: getattr(means, name).tolist() for name in ("mean", "low", "high")}

    return {
        "recording": options.recording,
        "layer": report.layer,
        "seed": options.seed,
        "steps": report.steps,
        "episodes": report.episodes,
        "held_out_episodes": report.held_out_episodes,
        **{name: getattr(report, name).tolist() for name in ("mean", "spread", "low", "high", "silent", "redundancy")},
        "saturated": None if report.saturated is None else report.saturated.tolist(),
        "dead": np.flatnonzero(report.dead).tolist(),
        "predicted": three(report.predicted),
        "tuning": [
            {
                "concept": one.concept,
                "classes": list(one.classes),
                "class_steps": one.class_steps.tolist(),
                "steps": one.steps,
                "episodes": one.episodes,
                "curves": three(one.curves),
                "selectivity": three(one.selectivity),
                "control": one.control.tolist(),
                "chance": one.chance.tolist(),
            }
            for one in tunings
        ],
        "notes": list(report.notes),
    }
