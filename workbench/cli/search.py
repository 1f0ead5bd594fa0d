"""`workbench search`: the searches of an agent that plans."""

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.cli.option_kinds import UsageError
from workbench.cli.progress import TerminalProgress
from workbench.cli.search_options import SearchOptions
from workbench.cli.search_words import (
    audit_facts,
    decision_facts,
    describe_audit,
    describe_decision,
    describe_recording,
    recording_facts,
)
from workbench.cli.steps import import_modules, row_of
from workbench.cli.table import to_json
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.recording import Recording

PICTURES = (".png", ".svg", ".pdf")
MOST_POINTS = 100
"""Numbers of simulations at which a drawn decision is looked at."""


def run(options: SearchOptions) -> None:
    """Print one decision (as it was, or with changes), all of them, what an audit finds, or what layers know of plans.

    Raises:
        UsageError: An option does not fit the others.
        WorkbenchError: There is no search, or it cannot be read; the environment has no solver; a search diverges.
    """
    options.check()
    endings = (".npz",) if options.at is not None else PICTURES
    if options.out is not None and options.out.suffix not in endings:
        raise UsageError(f"--out takes a name that ends in {', '.join(endings)} here; came {options.out.name!r}.")
    import_modules(options.imports)
    from workbench.recording import open_recording

    recording = open_recording(options.recording)
    if not recording.searches:
        raise WorkbenchError(
            f"{options.recording} holds no searches: its agent acts without. Record one that searches with: "
            f"workbench record POLICY ENV --search-simulations N"
        )
    if options.audit:
        _audit(options, recording)
    elif options.look_ahead is not None:
        from workbench.cli.search_look_ahead import run_look_ahead

        run_look_ahead(options, recording)
    elif options.step is not None or options.episode is not None:
        _one(options, recording)
    else:
        _all(options, recording)


def _audit(options: SearchOptions, recording: "Recording") -> None:
    from workbench.analyses.search.auditing import audit_recording

    progress = TerminalProgress("auditing", "steps")
    try:
        found = audit_recording(recording, progress)
    finally:
        progress.close()
    facts = audit_facts(found, recording)
    sys.stdout.write(f"{to_json(facts) if options.json else describe_audit(facts)}\n")
    if not found.clean:
        raise WorkbenchError(
            f"{found.divergences:,} of {found.searches:,} searches of {options.recording} are not what their rules "
            f"select: the recording was changed, or written by another search than it says."
        )


def _one(options: SearchOptions, recording: "Recording") -> None:
    from workbench.analyses.opening import opening_episode
    from workbench.analyses.search import course_of, measure_decision
    from workbench.analyses.search.exact import action_values, judge, solver_of

    number = options.episode if options.episode is not None else opening_episode(recording).number
    row = row_of(recording, number, options.step or 0)
    trace = recording.search_trace(row)
    if trace is None:
        raise WorkbenchError(f"Nothing was searched at step {options.step or 0} of episode {number}.")
    if options.changes:
        from workbench.cli.search_changes import run_changed

        run_changed(replace(options, episode=number, step=options.step or 0), recording, row, trace)
        return
    if options.at is not None:
        from workbench.cli.search_inside import run_inside

        run_inside(replace(options, episode=number, step=options.step or 0), recording, row, trace)
        return
    decision = measure_decision(trace, options.simulations)
    values = verdict = None
    if options.solver:
        if "position" not in recording.search:
            raise WorkbenchError(f"{options.recording} keeps no positions of its searches; no solver can be asked.")
        solver = solver_of(recording.make_environment())
        values = action_values(
            solver, recording.search["position"][row][None], recording.search["root_prior"].shape[1]
        )[0]
        verdict = judge(values, decision.action, decision.favourite, decision.choice)
    names = recording.action_names or []
    facts = {"recording": options.recording, "row": row, "episode": number, "step": options.step or 0}
    facts |= decision_facts(decision, trace, values, verdict, names)
    sys.stdout.write(f"{to_json(facts) if options.json else describe_decision(facts)}\n")
    if options.out is not None:
        from workbench.figures.search import decision_figure

        most = trace.simulations
        at = sorted({round(most * point / MOST_POINTS) for point in range(1, MOST_POINTS + 1)} - {0})
        course = course_of(trace, at) if trace.replayable else None
        value = "Q for the player to move"
        if trace.facts.get("kind") == "environment" and trace.settings is not None:
            value = f"Q (return, discount {trace.settings.discount:g})"
        _draw(options, decision_figure(decision, course, names, value=value))


def _all(options: SearchOptions, recording: "Recording") -> None:
    from workbench.analyses.expressions import evaluate
    from workbench.analyses.search import by_group, measure_recording
    from workbench.analyses.search.exact import solver_of
    from workbench.search.policy import game_of

    solver = solver_of(recording.make_environment()) if options.solver else None
    if options.uniform and (recording.attributes.get("search") or {}).get("environment"):
        raise WorkbenchError(
            f"--uniform searches positions of games anew; the searches of {options.recording} are of an environment. "
            f"Leave it out."
        )
    game = game_of(recording.make_environment()) if options.uniform else None
    progress = TerminalProgress("measuring", "steps")
    try:
        found = measure_recording(recording, solver=solver, game=game, uniform=options.uniform, progress=progress)
    finally:
        progress.close()
    groups = []
    if options.group is not None:
        names = ["overturn", "surprise", "q_gain", *(["search_right", "net_right"] if options.solver else [])]
        groups = by_group(found, evaluate(recording, options.group)[found.row], names)
    facts = recording_facts(found, groups, options.worst, recording.action_names or [])
    facts = {"recording": options.recording, **facts}
    sys.stdout.write(f"{to_json(facts) if options.json else describe_recording(facts)}\n")
    if options.out is not None:
        from workbench.figures.search import recorded_decisions_figure

        _draw(options, recorded_decisions_figure(found))


def _draw(options: SearchOptions, figure: Any) -> None:
    from workbench.exports.output import writing

    assert options.out is not None
    with writing(options.out, overwrite=options.overwrite) as partial:
        figure.savefig(partial, format=options.out.suffix[1:], dpi=150)
    sys.stderr.write(f"{options.out}\n")
