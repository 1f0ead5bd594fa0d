"""`workbench highlights`: the moments that tell most about an agent, as a reel."""

import sys
from typing import TYPE_CHECKING

from workbench.cli.analysis_options import HighlightsOptions
from workbench.cli.option_kinds import UsageError
from workbench.cli.progress import TerminalProgress
from workbench.cli.steps import import_modules
from workbench.cli.table import format_table, to_json
from workbench.printable import printable

if TYPE_CHECKING:
    from workbench.analyses.highlights import Highlights, Reel
    from workbench.analyses.intervals import Estimate


def run(options: HighlightsOptions) -> None:
    """Find the moments, print them beside other reels, and write them where that is asked for.

    Raises:
        WorkbenchError: What `highlights` and `write_reel` raise.
    """
    import_modules(options.imports)
    from workbench.analyses.highlights import highlights, possible_measures
    from workbench.exports.output import writing
    from workbench.exports.reel import REEL_FORMATS, highlights_facts, write_reel
    from workbench.recording import open_recording

    recording = open_recording(options.recording)
    if options.measures:
        rows = [(one.name, one.words, one.unit or "–") for one in possible_measures(recording)]
        names = [name for name, _, _ in rows]
        table = format_table(("measure", "importance of a step", "unit"), rows)
        sys.stdout.write(f"{to_json(names) if options.json else table}\n")
        return
    if options.out is not None and options.out.suffix.lower() not in REEL_FORMATS:
        raise UsageError(f"--out takes a name that ends in {', '.join(REEL_FORMATS)}; came {options.out.name!r}.")
    progress = TerminalProgress("looking", "steps")
    try:
        found = highlights(
            recording,
            count=options.count,
            length=options.length,
            after=options.after,
            interval=options.interval,
            measure=options.measure,
            diverse=options.is_diverse,
            layer=options.layer,
            interval_rule="published" if options.published else "peak",
            seed=options.seed,
            progress=progress,
        )
    finally:
        progress.close()
    if options.json:
        sys.stdout.write(f"{to_json({'recording': options.recording, **highlights_facts(found)})}\n")
    else:
        sys.stdout.write(f"{_describe(found)}\n")
    if options.out is not None:
        with writing(options.out, overwrite=options.overwrite) as partial:
            write_reel(recording, found, partial, fps=options.fps, progress=TerminalProgress("writing", "frames"))
        sys.stderr.write(f"{options.out}\n")


def _describe(found: "Highlights") -> str:
    unit = f" ({found.unit})" if found.unit else ""
    rows = [
        (
            str(one.rank),
            str(one.episode),
            str(one.step),
            f"{one.start}–{one.stop - 1}",
            f"{one.importance:.4g}".replace("-", "−"),
            f"{one.share_below:.1%}".replace("%", " %"),
            printable(one.why),
        )
        for one in found.moments
    ]
    header = ("", "episode", "step", "shown", "importance", "more than at", "why")
    title = f"{printable(found.measure)}: {printable(found.measure_words)}{unit}"
    return "\n".join(
        [
            title,
            "",
            format_table(header, rows, right=(0, 1, 2, 4, 5)),
            "",
            format_table(
                ("reel", "importance [95 %]", "to the nearest step shown", "less the highlights'", "between moments"),
                [_row(one) for one in found.reels],
            ),
            "",
            f"any step: {found.any_step}. Intervals are over episodes; distances, of {printable(found.states)}, are in "
            f"units of that of two random steps ({found.sampled:,} sampled).",
            *[printable(note) for note in found.notes],
        ]
    )


def _row(one: "Reel") -> tuple[str, str, str, str, str]:
    between = "–" if one.diversity is None else f"{one.diversity:.3g}; the two most alike {one.nearest:.2g}"
    less = "–" if one.less_covered is None else _short(one.less_covered)
    return one.words, _short(one.importance), _short(one.coverage), less, between


def _short(one: "Estimate") -> str:
    """The mean with its interval, where there is one."""
    if one.low is None or one.high is None:
        return f"{one.mean:.3g}".replace("-", "−")
    return f"{one.mean:.3g} [{one.low:.3g}, {one.high:.3g}]".replace("-", "−")
