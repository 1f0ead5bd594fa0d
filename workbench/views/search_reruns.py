"""Run a search again with other priors at its root, or another value of one of its positions."""

from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from workbench.errors import WorkbenchError
from workbench.figures.search_viewer import search_payload
from workbench.search import SearchTrace, choose_action, play_line, view_node
from workbench.search.games import Game
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.search_play_caching import Adviser, edited, think
from workbench.views.search_viewer import search_viewer


def rerun_part(game: Game, root: npt.NDArray[np.uint64], trace: SearchTrace, adviser: Adviser, settings: Any) -> None:
    """Draw what can be changed, and the search with it beside the one without."""
    with st.expander("What if the network said something else?", icon=":material/edit:"), errors_in_a_box():
        st.markdown("Change priors at the root, or the value of one position; the rest is searched as it was.")
        left, right = st.columns([1, 1.2])
        names = [game.action_names[int(action)] for action in trace.edge_action[trace.edges_of(0)]]
        unique = f"{trace.seed}.{trace.simulations}.{trace.value[0]}.{'.'.join(names)}"
        with left:
            table = st.data_editor(
                {"move": names, "prior (%)": [round(100 * float(p), 2) for p in trace.root_prior]},
                disabled=["move"], key=f"search.rerun.priors.{unique}", hide_index=True,
            )  # fmt: skip
        with right:
            line = st.text_input(
                "Position after the moves", key=f"search.rerun.line.{unique}", placeholder=" ".join(names[:1]),
                help="Names of moves from the root on, parted by spaces; empty: no value is changed.",
            ).split()  # fmt: skip
            value = st.slider("Its value, for the player to move there", -1.0, 1.0, 0.0, 0.05, key="search.rerun.value")
        priors = np.zeros(game.actions)
        priors[trace.edge_action[trace.edges_of(0)].astype(int)] = np.asarray(table["prior (%)"], float)
        changed = not np.allclose(priors[trace.edge_action[trace.edges_of(0)].astype(int)], [
            round(100 * float(p), 2) for p in trace.root_prior])  # fmt: skip
        node = play_line(game, root, moves_of(game, line)) if line else None
        if not changed and node is None:
            st.caption("Nothing is changed yet.")
            return
        other = edited(game, adviser, root=root, priors=priors if changed else None, node=node, value=float(value))
        again = think(game, root, other, settings, seed=trace.seed)
        before, after = view_node(trace), view_node(again)
        total_before, total_after = max(1, int(before.visits.sum())), max(1, int(after.visits.sum()))
        st.dataframe(
            {
                "move": names,
                "N before": before.visits.tolist(),
                "N after": after.visits.tolist(),
                "share before (%)": (100 * before.visits / total_before).round(1).tolist(),
                "share after (%)": (100 * after.visits / total_after).round(1).tolist(),
                "Q before": before.q.round(3).tolist(),
                "Q after": after.q.round(3).tolist(),
            },
            hide_index=True,
        )
        verdict = "the same move" if again.chosen == choose_action(trace) else "another move"
        st.caption(
            plain(f"It chooses {game.action_names[again.chosen]}, {verdict}. One search of each, with the same seed.")
        )
        if st.toggle("Show the tree of the changed search", key="search.rerun.show"):
            key = f"rerun|{unique}|{line}|{value}|{priors.tolist()}"
            search_viewer(search_payload(again, key=key, game=game, root=root), key="search.rerun.viewer")


def moves_of(game: Game, names: list[str]) -> list[int]:
    """Actions by their names.

    Raises:
        WorkbenchError: There is no action of a name.
    """
    known = {name: action for action, name in enumerate(game.action_names)}
    missing = [name for name in names if name not in known]
    if missing:
        raise WorkbenchError(f"There is no move {missing[0]!r} in this game; moves are: {', '.join(known)}.")
    return [known[name] for name in names]
