"""Run a search again with other priors at its root, or another value of one of its positions."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import streamlit as st

from workbench.errors import WorkbenchError
from workbench.figures.search_viewer import search_payload
from workbench.search import SearchTrace, choose_action, view_node
from workbench.search.counterfactual import Counterfactual, NodeChange, counterfactual, nodes_after
from workbench.search.evaluators import fingerprint_of
from workbench.search.games import Game
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.search_play_caching import Adviser
from workbench.views.search_viewer import search_viewer

Q_HELP = "Mean of what came back, for the player to move at the root; –: no visits."


def rerun_part(
    game: Game, root: npt.NDArray[np.uint64], trace: SearchTrace, adviser: Adviser, line: Sequence[int] = ()
) -> None:
    """Draw what can be changed, and the search with it beside the one without.

    Args:
        game: Its rules.
        root: `[W]`, the position at the root.
        trace: The search.
        adviser: Who is asked about positions that the search did not meet, if it is who was asked then.
        line: The moves that are written down to begin with.
    """
    with errors_in_a_box():
        if not trace.replayable:
            st.info("This search holds the final tree alone, and cannot be run again.", icon=":material/info:")
            return
        st.markdown("Change priors at the root, or the value of one position; the rest is searched as it was.")
        left, right = st.columns([1, 1.2])
        edges = trace.edges_of(0)
        actions = trace.edge_action[edges].astype(int)
        names = [game.action_names[action] for action in actions]
        unique = f"{trace.seed}.{trace.simulations}.{trace.value[0]}.{'.'.join(names)}.{'.'.join(map(str, line))}"
        shown = [round(100 * float(p), 2) for p in trace.root_prior]
        with left:
            table = st.data_editor(
                {"move": names, "prior (%)": shown}, disabled=["move"], key=f"search.rerun.priors.{unique}",
                hide_index=True,
            )  # fmt: skip
        with right:
            moves = st.text_input(
                "Position after the moves", " ".join(game.action_names[move] for move in line),
                key=f"search.rerun.line.{unique}", placeholder=" ".join(names[:1]),
                help="Names of moves from the root on, parted by spaces; empty: no value is changed.",
            ).split()  # fmt: skip
            nodes, said = _named_nodes(trace, game, root, moves)
            value = st.slider(
                "Its value, for the player to move there", -1.0, 1.0, said, 0.05, disabled=not nodes,
                key=f"search.rerun.value.{unique}.{' '.join(moves)}",
                help="It begins near what the network said; nothing is changed before it is moved.",
            )  # fmt: skip
            keep = st.number_input(
                "Simulations that are kept as they were", 0, trace.simulations, 0, key=f"search.rerun.keep.{unique}",
                help="The first so many go where they went, with the changed numbers brought back; the rules select "
                "from there on.",
            )  # fmt: skip
        given = np.asarray(table["prior (%)"], float)
        prior = None if np.allclose(given, shown) else given
        changes = {0: NodeChange(prior=prior)} if prior is not None else {}
        if nodes:
            right.caption(plain(f"The network said {trace.value[nodes[0]]:+.3f} there.".replace("-", "−")))
        for node in nodes if abs(value - said) > 0.01 else []:
            changes[node] = NodeChange(node=node, value=float(value), prior=prior if node == 0 else None)
        if not changes:
            st.caption("Nothing is changed yet.")
            return
        # Of another network than the search asked nothing is taken: it ends at the first position that nobody knows.
        same = not trace.fingerprint or fingerprint_of(adviser.evaluator) == trace.fingerprint
        again = counterfactual(
            trace,
            list(changes.values()),
            keep=int(keep) or None,
            game=game,
            root=root,
            evaluate=adviser.evaluator if same else None,
        )
        _compare(game, names, trace, again)
        if st.toggle("Show the tree of the changed search", key="search.rerun.show"):
            key = f"rerun|{unique}|{moves}|{value}|{given.tolist()}|{keep}"
            search_viewer(search_payload(again.trace, key=key, game=game, root=root), key="search.rerun.viewer")


def _named_nodes(
    trace: SearchTrace, game: Game, root: npt.NDArray[np.uint64], moves: Sequence[str]
) -> tuple[list[int], float]:
    """The nodes after some moves, and what the network said there, on the slider's scale."""
    nodes = nodes_after(trace, moves_of(game, moves), game, root) if moves else []
    said = float(trace.value[nodes[0]]) if nodes else 0.0
    return nodes, float(np.clip(round(said / 0.05) * 0.05, -1, 1))


def _compare(game: Game, names: list[str], trace: SearchTrace, again: Counterfactual) -> None:
    before, after = view_node(trace), view_node(again.trace)
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
        placeholder="–",
        column_config={
            "share before (%)": st.column_config.NumberColumn(format="%.1f"),
            "share after (%)": st.column_config.NumberColumn(format="%.1f"),
            "Q before": st.column_config.NumberColumn(format="%.3f", help=Q_HELP),
            "Q after": st.column_config.NumberColumn(format="%.3f", help=Q_HELP),
        },
    )
    chosen = choose_action(again.trace)
    verdict = "the same move" if chosen == choose_action(trace) else "another move"
    parts = "no simulation goes elsewhere"
    if again.parts_at is not None:
        parts = f"the searches part at simulation {again.parts_at + 1}"
    notes = [
        f"It chooses {game.action_names[chosen]}, {verdict}; {parts}.",
        f"{again.reused:,} positions are those of the trace, {again.asked:,} were asked for anew.",
        "One search of each, with the same seed and noise.",
    ]
    st.caption(" ".join(plain(note) for note in notes))
    if again.stopped is not None:
        st.info(plain(again.stopped), icon=":material/info:")


def moves_of(game: Game, names: Sequence[str]) -> list[int]:
    """Actions by their names.

    Raises:
        WorkbenchError: There is no action of a name.
    """
    known = {name: action for action, name in enumerate(game.action_names)}
    missing = [name for name in names if name not in known]
    if missing:
        raise WorkbenchError(f"There is no move {missing[0]!r} in this game; moves are: {', '.join(known)}.")
    return [known[name] for name in names]
