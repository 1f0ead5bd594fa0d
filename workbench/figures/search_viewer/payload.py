"""Everything that the viewer needs to show one search, simulation by simulation, as JSON.

The browser replays the search from it as `workbench.search.replay` does, to the last bit (`replay.js`).

Axis legend: that of `workbench.search.trace`; A actions of the game.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import WorkbenchError
from workbench.figures.player.encoding import encode_array
from workbench.figures.search_viewer.boards import board_payload
from workbench.figures.search_viewer.layout import lay_out, layout_payload
from workbench.search.games import Game
from workbench.search.positions import positions_of
from workbench.search.replay import TreeState, rebuild
from workbench.search.trace import SearchTrace

MOST_NODES = 100_000
"""Of a search that is sent to a browser: some 10 MB."""
MOST_BOARDS = 20_000
"""Nodes whose boards are sent along; of a larger search those that were made first."""


def search_payload(
    trace: SearchTrace,
    *,
    key: str,
    game: Game | None = None,
    root: npt.NDArray[np.uint64] | None = None,
    action_names: Sequence[str] | None = None,
    picture: str | None = None,
    picture_words: str = "",
    players: Sequence[str] = ("first player", "second player"),
    environment: Mapping[str, Any] | None = None,
    children: int = 3,
    threshold: float = 0.01,
    depth: int = 12,
) -> dict[str, Any]:
    """Build the viewer's payload.

    Args:
        trace: The search.
        key: Tells it from all other searches.
        game: Its rules, for boards; None: there are none.
        root: `[W]`, the position at the root; None: that of the trace, where it has one.
        action_names: `[A]`; None: the game's, or the numbers.
        picture: A data URL that is shown where there is no board.
        picture_words: What that shows.
        players: What the players are called.
        environment: Where an environment was searched, that pictures stand in place of the board: `on_demand`, whether
            those of nodes can be asked for, and `why_not`, a sentence where not.
        children: As for `lay_out`.
        threshold: As for `lay_out`.
        depth: As for `lay_out`.

    Returns:
        Plain JSON: numbers, texts, and arrays in base64.

    Raises:
        WorkbenchError: The search is too large for a browser, or does not follow the game's rules.
    """
    if trace.nodes > MOST_NODES:
        raise WorkbenchError(
            f"This search has {trace.nodes:,} nodes; a browser is sent at most {MOST_NODES:,}. Look at it in Python: "
            f"recording.search_trace(row)."
        )
    state = rebuild(trace)
    board = _boards(trace, game, root)
    names = list(action_names or (game.action_names if game is not None else ()))
    most = max(int(trace.edge_action.max(initial=-1)), int(trace.action.max()))
    names += [str(action) for action in range(len(names), most + 1)]
    return {
        "format": "rl-workbench-search-view",
        "version": 1,
        "key": key,
        "title": trace.game,
        "nodes": trace.nodes,
        "simulations": trace.simulations if trace.replayable else state.simulations,
        "replayable": trace.replayable,
        "rules": _rules(trace),
        "actions": names,
        "players": list(players),
        "chosen": int(trace.chosen),
        "absent": list(trace.absent),
        "parent": encode_array(trace.parent, "int32"),
        "action": encode_array(trace.action, "int32"),
        "incoming": encode_array(trace.incoming(), "int32"),
        "player": encode_array(trace.player, "uint8"),
        "value": encode_array(trace.value, "float64"),
        "terminal": encode_array(trace.terminal, "uint8"),
        "reward": None if trace.reward is None else encode_array(trace.reward, "float64"),
        "first_edge": encode_array(trace.first_edge, "int32"),
        "edge_action": encode_array(trace.edge_action, "int32"),
        "prior": encode_array(trace.prior, "float32"),
        "root_prior": encode_array(trace.root_prior, "float32"),
        "leaf": None if not trace.replayable else encode_array(trace.leaf, "int32"),  # type: ignore[arg-type]
        "backed_up": None if not trace.replayable else encode_array(trace.backed_up, "float64"),  # type: ignore[arg-type]
        "final": None if trace.replayable else _final(state),
        "layout": layout_payload(lay_out(trace, state, children=children, threshold=threshold, depth=depth)),
        "board": board,
        "picture": picture,
        "picture_words": picture_words,
        "environment": None if environment is None else dict(environment),
    }


def _rules(trace: SearchTrace) -> dict[str, Any]:
    """What the browser counts U and the backed-up sums by; nothing is known of other searchers' rules."""
    if trace.settings is None:
        return {"rule": None, "discount": 1.0, "prove": False}
    settings = trace.settings
    return {
        "rule": settings.rule,
        "exploration": settings.exploration,
        "exploration_base": settings.exploration_base,
        "scaled": settings.value_scale != "none",
        "discount": settings.discount,
        "prove": settings.prove,
    }


def _final(state: TreeState) -> dict[str, Any]:
    return {
        "node_visits": encode_array(state.node_visits, "int32"),
        "visits": encode_array(state.visits, "int32"),
        "value_sum": encode_array(state.value_sum, "float64"),
    }


def _boards(trace: SearchTrace, game: Game | None, root: npt.NDArray[np.uint64] | None) -> dict[str, Any] | None:
    if game is None or (root is None and trace.position is None):
        return None
    positions = trace.position if trace.position is not None else positions_of(trace, game, root)  # type: ignore[arg-type]
    return board_payload(game, positions[:MOST_BOARDS])
