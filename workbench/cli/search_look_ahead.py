"""`workbench search RECORDING --look-ahead K`: which layers know a later move of the search's plan."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.cli.progress import TerminalProgress
from workbench.cli.search_options import SearchOptions
from workbench.cli.table import format_table, to_json
from workbench.printable import printable

if TYPE_CHECKING:
    from workbench.analyses.probing import ProbeResult
    from workbench.recording import Recording


def run_look_ahead(options: SearchOptions, recording: "Recording") -> None:
    """Probe the recorded layers, and print what they know of a later move.

    Raises:
        WorkbenchError: No layer was recorded, no plan is so long, or the agent cannot be built.
    """
    from workbench.analyses.search.look_ahead import probe_look_ahead
    from workbench.recording.spaces_only import environment_or_spaces

    assert options.look_ahead is not None
    policy = recording.policy(environment_or_spaces(recording))
    progress = TerminalProgress("probing", "passes")
    try:
        found = probe_look_ahead(recording, policy, ahead=options.look_ahead, progress=progress)
    finally:
        progress.close()
    facts: dict[str, Any] = {
        "recording": options.recording,
        "ahead": options.look_ahead,
        "steps": found[0].planned.steps,
        "episodes": found[0].planned.episodes,
        "metric": found[0].planned.metric,
        "chance": found[0].planned.chance,
        "layers": [
            {
                "layer": one.layer,
                "seen": one.seen,
                "planned": _probe(one.planned),
                "played": None if one.played is None else _probe(one.played),
            }
            for one in found
        ],
    }
    sys.stdout.write(f"{to_json(facts) if options.json else _describe(facts)}\n")


def _probe(one: "ProbeResult") -> dict[str, Any]:
    beside = {
        "observation": one.observation,
        "random_network": one.random_network,
        "random_labels": one.control,
    }
    return {
        "score": asdict(one.score),
        "in_words": str(one.score),
        "verdict": one.verdict,
        "beside": {
            name: None if it is None else {"score": asdict(it.score), "difference": asdict(it.difference)}
            for name, it in beside.items()
        },
        "beside_in_words": {name: "–" if it is None else str(it.score) for name, it in beside.items()},
    }


def _describe(facts: dict[str, Any]) -> str:
    ahead = facts["ahead"]
    rows = [
        (
            printable(one["layer"]),
            one["planned"]["in_words"],
            one["planned"]["beside_in_words"]["observation"],
            one["planned"]["beside_in_words"]["random_network"],
            "–" if one["played"] is None else one["played"]["in_words"],
            "yes" if one["seen"] else "not shown",
        )
        for one in facts["layers"]
    ]
    header = (
        "layer",
        f"{facts['metric']} [95 %]",
        "of the observation",
        "random weights",
        "of the move played",
        "seen",
    )
    return "\n".join(
        [
            f"The move {ahead} on in the search's principal variation, at {facts['steps']:,} steps of "
            f"{facts['episodes']:,} episodes; chance is {facts['chance']:.2g}. Seen: read from the layer better than from "
            f"the observation and from the same layer with random weights.",
            "",
            format_table(header, rows),
        ]
    )
