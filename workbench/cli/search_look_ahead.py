"""`workbench search RECORDING --look-ahead K`: which layers know a later move of the search's plan."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.cli.playing import estimate_cell, plain_estimate
from workbench.cli.progress import TerminalProgress
from workbench.cli.search_options import SearchOptions
from workbench.cli.table import format_table, to_json
from workbench.errors import WorkbenchError
from workbench.printable import printable

if TYPE_CHECKING:
    from workbench.analyses.probing import ProbeResult
    from workbench.policies.types import Policy
    from workbench.recording import Recording

PAIRS = 40
"""Pairs of positions that layers are patched between."""
MOST_ROOTS = 2_000
"""Recorded positions that say how many stones lie on the board."""


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
        patching = _patch(recording, policy, progress) if options.solver else None
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
        "patching": patching,
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
            f"{facts['episodes']:,} episodes; chance is {facts['chance']:.2g}. Seen: read from the layer better than "
            f"from the observation and from the same layer with random weights, by the 95 % intervals of the "
            f"differences on the same episodes (the intervals below may overlap all the same); of {len(rows)} layers "
            f"that were asked, a few can be seen by chance.",
            "",
            format_table(header, rows),
            *(["", _describe_patching(facts["patching"])] if facts["patching"] else []),
        ]
    )


def _patch(recording: "Recording", policy: "Policy", progress: TerminalProgress) -> dict[str, Any]:
    """Patch every layer between positions of which one stone lies elsewhere, in plain JSON."""
    import numpy as np

    from workbench.analyses.search.exact import solver_of
    from workbench.analyses.search.key_squares import find_key_pairs
    from workbench.analyses.search.look_ahead import patch_squares
    from workbench.analyses.search.nodes import board_under_map
    from workbench.recording.hooks import leaf_modules
    from workbench.search.policy import SearchPolicy, game_of

    environment = recording.make_environment()
    game, solver = game_of(environment), solver_of(environment)
    if "position" not in recording.search:
        raise WorkbenchError(f"{recording.path} keeps no positions of its searches, so that no pairs of them are made.")
    stones = [int((np.asarray(game.cells(one)) != 0).sum()) for one in recording.search["position"][:MOST_ROOTS]]
    lengths = [count for count in stones if count >= 2]
    if not lengths or board_under_map(game, recording.search["position"][0]) is None:
        raise WorkbenchError(
            f"The squares of {game.name} are not those of its observation, or none has two stones yet."
        )
    pairs = find_key_pairs(game, solver, PAIRS, lengths, progress=progress)
    network = policy.policy if isinstance(policy, SearchPolicy) else policy
    layers = list(leaf_modules(network.module))
    found = patch_squares(network, game, pairs.clean, pairs.corrupted, pairs.moves, pairs.keys, layers)
    return {
        "pairs": len(pairs.moves),
        "total": plain_estimate(found.total),
        "skipped": found.skipped,
        "layers": [
            {
                "layer": one.layer,
                "whole": float(one.whole.mean()),
                "at_key": plain_estimate(one.at_key),
                "elsewhere": plain_estimate(one.elsewhere),
                "difference": plain_estimate(one.difference),
            }
            for one in found.layers
        ],
    }


def _describe_patching(facts: dict[str, Any]) -> str:
    rows = [
        (
            printable(one["layer"]), f"{one['whole']:+.3f}".replace("-", "−"), estimate_cell(one["at_key"]),
            estimate_cell(one["elsewhere"]), estimate_cell(one["difference"]),
        )
        for one in facts["layers"]
    ]  # fmt: skip
    header = ("layer", "all of it", "key square", "mean of the others", "key less others")
    skipped = [f"{printable(name)}: {printable(why)}" for name, why in facts["skipped"].items()]
    return "\n".join(
        [
            f"{facts['pairs']} pairs of positions of which one stone lies elsewhere, so that a move is right at the "
            f"first alone. What each layer holds at the second is put into the first: log-odds of that move before "
            f"less after [nat]; all of the input gives {estimate_cell(facts['total'])}. Intervals: 95 %, over pairs.",
            "",
            format_table(header, rows, right=(1,)),
            *skipped,
        ]
    )
