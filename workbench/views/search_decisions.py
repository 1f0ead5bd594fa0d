"""The decisions of a recording, the largest first: what surprised the network, and what a solver says of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from workbench.analyses.intervals import Estimate
from workbench.analyses.search import VERDICTS, RecordedDecisions
from workbench.analyses.search.exact import UNKNOWN
from workbench.recording import Recording
from workbench.views.caching import stamp
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.progress_bar import ProgressBar
from workbench.views.search_caching import MOST_DECISIONS, cached_decisions, cached_game
from workbench.views.selection import change_selection
from workbench.views.stoppable import stoppable

MOST_SHOWN = 200
SURPRISE, GAIN, LOSS = "surprise", "Q gained", "value given away"
COLUMNS = {SURPRISE: "surprise", GAIN: "q_gain", LOSS: "choice_loss"}
"""By order the column of `RecordedDecisions` that it goes by."""
OVERTURNED = "overturned"
PART, CHOICE, JUDGED = "search.part", "search.decisions.table", "search.decisions.solver"
DECISION = "This decision"
"""The part of the page that a choice in the table leads to."""
NUMBERS = {SURPRISE: "surprise (nat)", GAIN: "Q gained", LOSS: "given away"}


def decisions_part(path: str, recording: Recording) -> None:
    """Draw the part of the page."""
    judged = "position" in recording.search and st.toggle(
        "Judge them by the environment's exact solver", key=JUDGED,
        help="What is right is known from the solver alone. Early positions of large games take it seconds each; those "
        "that it gives up are unknown.",
    )  # fmt: skip
    with errors_in_a_box():
        found = _judged(path) if judged else _measured(path)
        _summary(found)
        if judged:
            _verdicts(found)
        _list(path, recording, found)


def _measured(path: str) -> RecordedDecisions:
    bar = st.progress(0.0, "reading searches")
    try:
        return cached_decisions(path, stamp(path), False, ProgressBar(bar, "reading searches", "steps"))
    finally:
        bar.empty()


def _judged(path: str) -> RecordedDecisions:
    with stoppable("asking the solver", JUDGED) as progress:
        return cached_decisions(path, stamp(path), True, progress)


def _summary(found: RecordedDecisions) -> None:
    overturned, surprise = found.columns["overturn"], found.columns["surprise"]
    chance = found.means["chance_overturn"].mean
    known = surprise[~np.isnan(surprise)]
    most = f", largest {known.max():.3f}" if len(known) else ""
    st.markdown(
        f"The search overturned the network in **{int(overturned.sum())} of {len(found)}** decisions "
        f"({_share(found.means['overturn'])}; a prior dealt out anew would be in {100 * chance:.0f} %). "
        f"Mean surprise {plain(_number(found.means['surprise']))} nat{most}."
    )


def _verdicts(found: RecordedDecisions) -> None:
    assert found.verdict is not None
    decisive = found.columns["decisive"] == 1
    names = [name for name in VERDICTS if name != UNKNOWN]
    counts = {name: int((found.verdict[decisive] == name).sum()) for name in names}
    st.table(
        {
            "verdict": [plain(name) for name in names],
            "decisions": [counts[name] for name in names],
            "share (95 % over episodes)": [_share(found.verdicts[name]) for name in names],
            "what it means": [plain(VERDICTS[name]) for name in names],
        }
    )
    alike, unknown = int((found.columns["decisive"] == 0).sum()), int((found.verdict == UNKNOWN).sum())
    right = [
        f"{words} {_share(found.means[name])}"
        for words, name in (
            ("the search", "search_right"), ("the network alone", "net_right"), ("any legal action", "chance_right"),
        )
    ]  # fmt: skip
    st.caption(
        f"Of {int(decisive.sum()):,} decisive decisions: something was wrong there. Right is {'; '.join(right)}. Left "
        f"out: {alike:,} decisions in which every action was right, {unknown:,} that the solver gave up."
    )


def _list(path: str, recording: Recording, found: RecordedDecisions) -> None:
    orders = [LOSS, SURPRISE, GAIN] if found.verdict is not None else [SURPRISE, GAIN]
    order = st.segmented_control(
        "Largest first by", orders, default=orders[0], key=f"search.decisions.order.{len(orders)}", required=True
    )
    kinds = [OVERTURNED] if found.verdict is None else [name for name in VERDICTS if (found.verdict == name).any()]
    wanted = st.pills("Only", kinds, selection_mode="multi", key=f"search.decisions.only.{len(orders)}")
    places = ranked(found, order or orders[0], wanted)
    shown = places[:MOST_SHOWN]
    if not shown:
        st.info("There is no such decision in this recording.", icon=":material/info:")
        return
    if order == LOSS and (said := nothing_given_away(found, places)):
        st.info(said, icon=":material/info:")
    game = cached_game(path, stamp(path)).game
    names = list(game.action_names) if game is not None else list(recording.action_names or [])

    def jump() -> None:
        picked = (st.session_state.get(CHOICE) or {}).get("selection", {}).get("rows") or []
        if picked and 0 <= picked[0] < len(shown):
            place = shown[picked[0]]
            change_selection(episode=int(found.episode[place]), step=int(found.step[place]))
            st.session_state[PART] = DECISION

    st.dataframe(
        _table(found, shown, names), key=CHOICE, on_select=jump, selection_mode="single-row", hide_index=True,
        placeholder="–",
        column_config={
            name: st.column_config.NumberColumn(NUMBERS[name], format="%.3f") for name in NUMBERS if name in orders
        },
    )  # fmt: skip
    notes = ["Choose a row (the box at its left) to look at its search."]
    if len(places) > MOST_SHOWN:
        notes.append(f"The first {MOST_SHOWN} of {len(places):,} are shown.")
    if found.left_out:
        notes.append(f"{found.left_out:,} steps after the first {MOST_DECISIONS:,} were not looked at.")
    if found.damaged:
        notes.append(f"The searches of {found.damaged:,} steps are damaged and left out.")
    notes.append(
        "Surprise is KL(visits ‖ prior before noise): 0 where the search agrees with the network. Q gained is Q of the "
        "search's choice less Q of the network's favourite, for the player to move."
    )
    if found.verdict is not None:
        notes.append("Given away is the exact value of the best action less that of the search's: 2 turns a win into a "
                     "loss.")  # fmt: skip
    st.caption(" ".join(plain(note) for note in notes))


def ranked(found: RecordedDecisions, order: str, kinds: Sequence[str] = ()) -> list[int]:
    """Places of decisions, the largest first; what is not known comes last, of equals the more surprising first.

    Args:
        found: All of them.
        order: `surprise`, `Q gained` or `value given away`.
        kinds: Only those of these verdicts, or `overturned`; none: all.
    """
    key, surprise = found.columns[COLUMNS[order]], found.columns["surprise"]
    kept = np.ones(len(found), bool) if not kinds else np.zeros(len(found), bool)
    for kind in kinds:
        kept |= found.columns["overturn"] == 1 if kind == OVERTURNED else found.verdict == kind
    places = np.lexsort((-np.nan_to_num(surprise, posinf=np.inf), -np.nan_to_num(key, posinf=np.inf), np.isnan(key)))
    return [int(place) for place in places if kept[place]]


def nothing_given_away(found: RecordedDecisions, places: Sequence[int]) -> str:
    """A sentence where none of these decisions gave anything away, so that nothing ranks them but surprise.

    Args:
        found: All of them, judged by a solver.
        places: Those that are listed, at least one.

    Returns:
        The sentence; nothing where some decision gave something away.
    """
    losses = found.columns["choice_loss"][list(places)]
    if (losses > 0).any():
        return ""
    unknown, count = int(np.isnan(losses).sum()), len(losses)
    if unknown == count:
        told = f"The solver gave up {'all' if count > 1 else 'the'} {count:,} decision{'s' * (count != 1)} listed here"
    else:
        told = f"No decision listed here gave anything away (n = {count - unknown:,} judged"
        told += f"; {unknown:,} that the solver gave up come last)" if unknown else ")"
    return f"{told}. The most surprising come first."


def _table(found: RecordedDecisions, places: list[int], names: list[str]) -> dict[str, list[Any]]:
    def name(action: int) -> str:
        return names[action] if action < len(names) else str(action)

    def numbers(column: str) -> list[float | None]:
        values = found.columns[column][places]
        return [None if np.isnan(value) else float(value) for value in values]

    table: dict[str, list[Any]] = {
        "episode": found.episode[places].tolist(),
        "step": found.step[places].tolist(),
        "network": [name(int(action)) for action in found.favourite[places]],
        "search": [name(int(action)) for action in found.choice[places]],
    }
    if found.verdict is None:
        table[OVERTURNED] = (found.columns["overturn"][places] == 1).tolist()
    else:
        table |= {"verdict": found.verdict[places].tolist(), LOSS: numbers("choice_loss")}
    return table | {SURPRISE: numbers("surprise"), GAIN: numbers("q_gain")}


def _share(one: Estimate) -> str:
    """A share in per cent with its interval, where there is one."""
    if not one.steps:
        return "–"
    interval = "" if one.low is None or one.high is None else f" [{100 * one.low:.0f}, {100 * one.high:.0f}]"
    return f"{100 * one.mean:.0f}{interval} %"


def _number(one: Estimate) -> str:
    interval = "" if one.low is None or one.high is None else f" [{one.low:.3f}, {one.high:.3f}]"
    return f"{one.mean:.3f}{interval}" if one.steps else "–"
