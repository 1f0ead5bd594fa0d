"""Play against the recorded agent, or set up any position, and see its tree after each move."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from workbench.figures.search_viewer import place_payload, search_payload
from workbench.search import SearchTrace, play_line, with_choice
from workbench.search.games import Game, describe
from workbench.views.caching import stamp
from workbench.views.choosing import ChosenStep
from workbench.views.errors import plain
from workbench.views.search_caching import cached_game, root_position
from workbench.views.search_inside import SearchedNode, inside_part
from workbench.views.search_play_caching import MOST_SIMULATIONS, Adviser, cached_adviser, recorded_settings, think
from workbench.views.search_reruns import rerun_part
from workbench.views.search_viewer import playing_board, search_viewer

GAME, INSIDE = "search.play.game", "search.play.inside"
FIRST, SECOND, BOTH = "first", "second", "both"
SIDES = {FIRST: (0,), SECOND: (1,), BOTH: (0, 1)}
START, STEP = "the start of the game", "the step above"


@dataclass(frozen=True, kw_only=True)
class Played:
    """A game that is being played in a session."""

    path: str
    start: tuple[int, ...]
    """The words of the position that it began from."""
    moves: tuple[int, ...] = ()
    trace: SearchTrace | None = None
    """The agent's last search."""
    searched_after: int = 0
    """How many moves had been made before it."""
    number: int = 0
    """Tells games of a session apart."""

    @property
    def token(self) -> str:
        """Names this position of this game."""
        return f"{self.number}:{len(self.moves)}"


def play_part(chosen: ChosenStep) -> None:
    """Draw the part of the page."""
    path, moment = chosen.path, stamp(chosen.path)
    at_hand = cached_game(path, moment)
    if at_hand.game is None:
        st.info(f"The game is not at hand, so that nothing can be played: {plain(at_hand.why_not)}")
        return
    game = at_hand.game
    adviser = cached_adviser(path, moment, game.actions)
    if adviser.why_not:
        st.info(
            f"The recorded network is not at hand; the search goes without one: all priors alike, every value 0. "
            f"{plain(adviser.why_not)}",
            icon=":material/info:",
        )
    side, simulations, begin = _options(path, moment)
    settings = replace(recorded_settings(path, moment), simulations=simulations)
    played = _current(chosen, game, begin)
    facts = _facts(game, _position(game, played))
    if not facts["ended"] and facts["player"] not in SIDES[side]:
        played = _answer(game, played, adviser, settings)
        facts = _facts(game, _position(game, played))
    _board(game, played, side, facts, adviser, settings)
    if played.trace is not None:
        before = play_line(game, _start(played), played.moves[: played.searched_after])
        key = f"play|{played.number}|{played.searched_after}|{simulations}"
        st.subheader(_title(game, played), anchor=False)
        payload = search_payload(played.trace, key=key, game=game, root=before)
        searched = SearchedNode(
            path=path, trace=played.trace, node=0, action_names=game.action_names, game=game, root=before
        )
        _tree(searched, payload, adviser)


@st.fragment
def _tree(searched: SearchedNode, payload: dict[str, Any], adviser: Adviser) -> None:
    """The viewer, what the network holds at the node that is looked at, and the search with changes."""
    inside = adviser.policy is not None and bool(st.session_state.get(INSIDE))
    node = search_viewer(payload, key="search.play.viewer", report=inside)
    if adviser.policy is not None:
        st.toggle("Look inside the network at the node that is clicked", key=INSIDE)
    if inside:
        inside_part(replace(searched, node=node))
    with st.expander("What if the network said something else?", icon=":material/edit:"):
        assert searched.game is not None, "an environment is not played against"
        rerun_part(searched.game, searched.position(0), searched.trace, adviser)


def _options(path: str, moment: int | str) -> tuple[str, int, str]:
    first, second, third = st.columns([1.6, 1.3, 1])
    side = first.segmented_control(
        "You play", list(SIDES), default=FIRST, key="search.play.side", required=True,
        help="The first player, the second, or both: to set up any position and search it.",
    )  # fmt: skip
    begin = second.segmented_control("Begin from", [START, STEP], default=START, key="search.play.begin", required=True)
    usual = min(MOST_SIMULATIONS, recorded_settings(path, moment).simulations)
    simulations = third.number_input(
        "Simulations of its search", 2, MOST_SIMULATIONS, usual, key=f"search.play.simulations.{path}"
    )
    return side or FIRST, int(simulations), begin or START


def _current(chosen: ChosenStep, game: Game, begin: str) -> Played:
    """The game in this session; another recording, or another beginning, begins anew."""
    root = root_position(chosen.recording, chosen.row) if begin == STEP else game.start()
    start = tuple(int(word) for word in root)
    kept = st.session_state.get(GAME)
    if not isinstance(kept, Played) or kept.path != chosen.path or kept.start != start:
        number = kept.number + 1 if isinstance(kept, Played) else 0
        kept = Played(path=chosen.path, start=start, number=number)
        st.session_state[GAME] = kept
    return kept


def _start(played: Played) -> npt.NDArray[np.uint64]:
    return np.array(played.start, np.uint64)


def _position(game: Game, played: Played) -> npt.NDArray[np.uint64]:
    return play_line(game, _start(played), played.moves)


def _facts(game: Game, position: npt.NDArray[np.uint64]) -> dict[str, Any]:
    return {name: values[0] for name, values in describe(game, position[None]).items()}


def _answer(game: Game, played: Played, adviser: Adviser, settings: Any) -> Played:
    """The agent's move, and the search that it comes from."""
    with st.spinner("It searches"):
        trace = think(game, _position(game, played), adviser, settings, seed=len(played.moves))
    after = replace(played, moves=(*played.moves, trace.chosen), trace=trace, searched_after=len(played.moves))
    st.session_state[GAME] = after
    return after


def _board(game: Game, played: Played, side: str, facts: dict[str, Any], adviser: Adviser, settings: Any) -> None:
    position = _position(game, played)
    left, right = st.columns([1, 1.3])
    last = -1
    if played.moves:
        before = play_line(game, _start(played), played.moves[:-1])
        changed = np.flatnonzero(np.asarray(game.cells(before)).ravel() != np.asarray(game.cells(position)).ravel())
        last = int(changed[0]) if len(changed) else -1

    def move(action: int) -> None:
        kept = st.session_state.get(GAME)
        if isinstance(kept, Played) and kept.token == played.token:
            st.session_state[GAME] = replace(kept, moves=(*kept.moves, action))

    with left:
        can_move = not facts["ended"] and int(facts["player"]) in SIDES[side]
        playing_board(
            place_payload(game, position), key="search.play.board", token=played.token, can_move=can_move,
            last_cell=last, on_move=move,
        )  # fmt: skip
    with right:
        st.markdown(f"**{_standing(facts, side)}**")
        names = [plain(game.action_names[one]) for one in played.moves]
        st.markdown("Moves: " + (" ".join(f"{number + 1}. {name}" for number, name in enumerate(names)) or "none"))
        st.caption(plain(f"Against {adviser.words}, {settings.simulations} simulations a move, the most visited one."))
        with st.container(horizontal=True):
            if st.button("Undo", icon=":material/undo:", key="search.play.undo", disabled=not played.moves):
                _undo(game, played, side)
                st.rerun()
            if st.button("New game", icon=":material/restart_alt:", key="search.play.new"):
                st.session_state[GAME] = Played(path=played.path, start=played.start, number=played.number + 1)
                st.rerun()
            if st.button(
                "Search this position", icon=":material/account_tree:", key="search.play.think",
                disabled=bool(facts["ended"]), help="Its tree from here, without making a move.",
            ):  # fmt: skip
                trace = think(game, position, adviser, settings, seed=len(played.moves))
                # Nothing was played after it.
                trace = with_choice(trace, -1)
                st.session_state[GAME] = replace(played, trace=trace, searched_after=len(played.moves))
                st.rerun()


def _undo(game: Game, played: Played, side: str) -> None:
    """Take moves back to where the reader had the move before."""
    moves = played.moves[:-1]
    while moves and int(_facts(game, play_line(game, _start(played), moves))["player"]) not in SIDES[side]:
        moves = moves[:-1]
    trace = played.trace if played.searched_after < len(moves) else None
    # A number of its own, for a late click on the board of before.
    st.session_state[GAME] = replace(played, moves=moves, trace=trace, number=played.number + 1)


def _standing(facts: dict[str, Any], side: str) -> str:
    mover = int(facts["player"])
    if facts["ended"]:
        outcome = float(facts["outcome"])
        if outcome == 0:
            return "The game is over: a draw."
        winner = mover if outcome > 0 else 1 - mover
        return f"The game is over: the {('first', 'second')[winner]} player has won."
    whose = "your move" if len(SIDES[side]) == 1 else "to move"
    return f"{('First', 'Second')[mover]} player: {whose}."


def _title(game: Game, played: Played) -> str:
    assert played.trace is not None
    if played.searched_after == len(played.moves):
        return "Its search of this position"
    name = game.action_names[played.moves[played.searched_after]]
    return f"Its search before move {played.searched_after + 1}, {name}"
