"""The page of searches: one decision of an agent that plans, simulation by simulation."""

from typing import Any

import streamlit as st

from workbench.recording import Recording
from workbench.search.replay import Audit
from workbench.search.trace import SearchTrace
from workbench.views.addresses import find_recording
from workbench.views.caching import cached_listing, cached_recording, stamp
from workbench.views.choosing import ChosenStep, choose_place
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.root import name_below_root
from workbench.views.search_caching import (
    cached_audit,
    cached_game,
    cached_has_searches,
    cached_trace,
    cached_view,
    is_of_environment,
    outcomes_of_chance,
    root_position,
)
from workbench.views.search_decisions import DECISION, PART, decisions_part
from workbench.views.search_frames import cached_visit, frames_of
from workbench.views.search_imports import imported_part
from workbench.views.search_viewer import search_viewer
from workbench.views.selection import read_selection

DECISIONS, PLAY, IMPORTED = "All decisions", "Play", "Another program's search"
THRESHOLDS = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Per cent of the root's visits below which a move is one of the others."""
INSIDE, EDIT = "search.inside", "search.edit"
RULES = {"puct": "PUCT", "uct": "UCT", "gumbel": "Gumbel"}


def page() -> None:
    """Draw the page."""
    with errors_in_a_box():
        entries = [entry["path"] for entry in cached_listing() if isinstance(entry, dict)]
        names = [name_below_root(path) for path in entries if cached_has_searches(path, stamp(path))]
        if not names:
            st.title("Search")
            _empty(len(entries))
            imported_part()
            return
        if _without_searches(names):
            return
        chosen = choose_place("search", title="Search", empty="", names=names)
        if chosen is None:
            return
        left, right = st.columns([3.4, 1], vertical_alignment="center")
        part = left.segmented_control(
            "Part", [DECISION, DECISIONS, PLAY, IMPORTED], default=DECISION, key=PART, required=True,
            label_visibility="collapsed",
        )  # fmt: skip
        if part == DECISIONS:
            decisions_part(chosen.path, chosen.recording)
        elif part == PLAY:
            # It needs torch, which whoever only looks does not wait for.
            from workbench.views.search_play import play_part

            play_part(chosen)
        elif part == IMPORTED:
            imported_part()
        else:
            _decision(chosen, right)
        with st.expander("How to read this page", icon=":material/help:"):
            st.markdown(HOW_TO_READ)


def _empty(others: int) -> None:
    there = (
        "There are no recordings yet."
        if not others
        else "There is one recording, and its agent acted without a search."
        if others == 1
        else f"None of the {others} recordings holds a search: their agents acted without one."
    )
    st.info(f"{there} Record an agent that searches before it acts:", icon=":material/info:")
    st.code(HOW_TO_RECORD, language="python")


def _without_searches(names: list[str]) -> bool:
    """Say so where the address names a recording without searches, and offer those with; whether it does."""
    asked = read_selection().recording
    if asked is None or asked in names:
        return False
    path = find_recording(asked, names)
    if cached_recording(path, stamp(path)).searches:
        return False
    st.info(
        f"The agent of {plain(asked)} acted without a search. Recordings with searches: "
        f"{', '.join(plain(name) for name in names[:8])}.",
        icon=":material/info:",
    )
    query = {"recording": names[0]}
    from workbench.views.pages import pages

    st.page_link(pages()["search"], label=f"Open {plain(names[0])}", query_params=query, icon=":material/account_tree:")
    return True


def _decision(chosen: ChosenStep, corner: Any) -> None:
    path, moment, row = chosen.path, stamp(chosen.path), chosen.row
    trace = cached_trace(path, moment, row)
    if trace is None:
        st.info(
            f"Nothing was searched at step {chosen.step} of episode {chosen.episode}. Choose another step.",
            icon=":material/info:",
        )
        return
    checked = cached_audit(path, moment, row)
    _facts(path, chosen.recording, trace, checked)
    if checked is not None and checked.divergence is not None:
        st.warning(
            plain(
                f"This search does not follow its own rules: {checked.divergence.what}. What is shown is the "
                f"recorded tree."
            ),
            icon=":material/rule:",
        )
    with corner:
        children, threshold, depth = _tree_options()
    payload = cached_view(path, moment, row, children, threshold, depth)
    if payload is not None:
        _tree(chosen, trace, payload)


@st.fragment
def _tree(chosen: ChosenStep, trace: SearchTrace, payload: dict[str, Any]) -> None:
    """The viewer, and what follows the node that is looked at: a click on one runs this part again, not the page."""
    at_hand = cached_game(chosen.path, stamp(chosen.path))
    game, visited = at_hand.game, None
    if payload["environment"] is not None:
        visited = cached_visit(chosen.path, stamp(chosen.path), chosen.row)
    can_look = game is not None or (visited is not None and visited.step is not None)
    inside = can_look and bool(st.session_state.get(INSIDE))
    frames = None
    if visited is not None:
        frames = lambda nodes: frames_of(visited, payload["key"], nodes)  # noqa: E731
    node = search_viewer(payload, key="search.viewer", report=inside, frames_of=frames)
    if not can_look:
        return
    edit = False
    with st.container(horizontal=True, gap="large"):
        st.toggle("Look inside the network at the node that is clicked", key=INSIDE, width="content")
        if game is not None:
            edit = st.toggle("What if the network said something else?", key=EDIT, width="content")
    if not (inside or edit):
        return
    # They need torch, which whoever only looks does not wait for.
    from workbench.analyses.search.places import action_names_of
    from workbench.views.search_inside import SearchedNode, inside_part
    from workbench.views.search_play_caching import cached_adviser
    from workbench.views.search_reruns import rerun_part

    root = root_position(chosen.recording, chosen.row) if game is not None else None
    with errors_in_a_box():
        if inside:
            names = list(game.action_names) if game is not None else action_names_of(chosen.recording, trace)
            inside_part(
                SearchedNode(
                    path=chosen.path, row=chosen.row, trace=trace, node=node, game=game, root=root, action_names=names
                )
            )
        if edit and game is not None and root is not None:
            adviser = cached_adviser(chosen.path, stamp(chosen.path), game.actions)
            rerun_part(game, root, trace, adviser, trace.moves(node))


def _tree_options() -> tuple[int, float, int]:
    """How much of the tree is drawn."""
    with st.popover("What the tree draws", icon=":material/account_tree:"):
        children = st.number_input("Moves of a node", 1, 20, 3, key="search.children",
                                   help="Those with the most visits; the rest is one node of its own.")  # fmt: skip
        threshold = st.select_slider("Smallest share of the visits (%)", THRESHOLDS, 1.0, key="search.threshold")
        depth = st.number_input("Depth", 1, 60, 12, key="search.depth",
                                help="The principal variation is drawn to its end.")  # fmt: skip
    return int(children), float(threshold) / 100, int(depth)


def _facts(path: str, recording: Recording, trace: SearchTrace, checked: Audit | None) -> None:
    policy = recording.attributes.get("policy") or {}
    facts = [f"**{plain(str(policy.get('name') or 'Unknown agent'))}**", plain(rules_in_words(trace))]
    if trace.chosen >= 0:
        names = recording.action_names or _names(path)
        played = names[trace.chosen] if trace.chosen < len(names) else str(trace.chosen)
        facts.append(f"played {plain(played)}")
    known = str(policy.get("fingerprint") or "")
    if trace.fingerprint and known:
        facts.append("the recorded network's own search" if trace.fingerprint == known else "**of another network**")
    if checked is not None and checked.divergence is None:
        facts.append(f"every selection agrees with its rules ({checked.selections:,} repeated)")
    facts.append(absent_in_words(trace))
    at_hand = cached_game(path, stamp(path))
    if is_of_environment(recording):
        facts.append(environment_in_words(trace))
    elif at_hand.game is None:
        facts.append(plain(f"no boards: {at_hand.why_not}"))
    st.caption(" · ".join(fact for fact in facts if fact))
    if trace.fingerprint and known and trace.fingerprint != known:
        st.warning(
            plain(
                f"This search was made with other weights (fingerprint {trace.fingerprint[:12]}) than the recording "
                f"keeps ({known[:12]}): nothing about its nodes can be had from the recorded agent."
            ),
            icon=":material/fingerprint:",
        )


def _names(path: str) -> list[str]:
    game = cached_game(path, stamp(path)).game
    return list(game.action_names) if game is not None else []


def rules_in_words(trace: SearchTrace) -> str:
    """The rules of a search in a few words."""
    settings: Any = trace.settings
    if settings is None:
        return f"a search by {trace.source} of {trace.game}"
    count = f"{trace.simulations} simulation{'s' * (trace.simulations != 1)}"
    if trace.simulations < settings.simulations:
        count = f"{trace.simulations} of {settings.simulations} simulations (the root was proven)"
    words = [f"{RULES[settings.rule]} with {count}"]
    if settings.rule != "gumbel":
        words.append(f"c = {settings.exploration:g}")
    if trace.noise is not None:
        words.append(f"{100 * settings.noise:g} % noise" if settings.rule == "puct" else "Gumbel noise")
    if settings.wave > 1:
        words.append(f"{settings.wave} leaves at a time")
    return f"{', '.join(words)}, in {trace.game}"


def environment_in_words(trace: SearchTrace) -> str:
    """How states of an environment were valued, saved and drawn in a search."""
    discount = trace.settings.discount if trace.settings is not None else 1.0
    values = str(trace.facts.get("values") or "the same")
    told = [
        f"discount {discount:g}",
        f"priors: {trace.facts.get('priors') or 'not said'}",
        *([] if values == "the same" else [f"values: {values}"]),
        f"states saved by {trace.facts.get('snapshots') or 'nobody knows what'}",
    ]
    several = outcomes_of_chance(trace)
    told.append(
        f"{several} action{'s' * (several != 1)} in the tree had more than one outcome"
        if several
        else "no action in the tree had more than one outcome"
    )
    return plain(", ".join(told))


def absent_in_words(trace: SearchTrace) -> str:
    """What the source of a search did not keep; empty where nothing is missing."""
    return plain(f"not kept by {trace.source}: {'; '.join(trace.absent)}") if trace.absent else ""


HOW_TO_RECORD = """\
import workbench
from workbench.search import SearchSettings
from workbench.search.policy import SearchPolicy

# `policy`: any policy with logits and a value for the positions of a game.
planner = SearchPolicy(policy, SearchSettings(simulations=200))
workbench.record(planner, "envs:ConnectFour-v0", out="runs/searches.zarr", episodes=10)

# Or for any gymnasium environment with discrete actions whose state can be saved.
workbench.record("ppo:agent.zip", "CartPole-v1", out="runs/planned.zarr", search={"simulations": 50})
"""

HOW_TO_READ = """
- **Lines** are the moves at the root. **N** counts the simulations that went there; **share** is its part of all, and
  the mark in the bar is the **prior P** of the network, before any noise. **Q** is the mean of what came back, **V**
  what the network says of the position by itself: both for the player to move at the root, +1 a win. **U** is what
  selection adds to Q. **Line** is what both sides would play: a proven win first, else the most visited move.
- **The slider** takes the search back to any simulation. Nothing is estimated: the tree is made again from the trace,
  bit for bit.
- **The board** shows the line under the pointer, with its moves numbered; a click on a row plays it. At the root the
  bars or circles are the shares of the visits.
- **The tree** shows the most visited moves; the rest of a node is one dashed square. Size and width grow with √N; the
  ring is the prior; the dark line is the principal variation. It is laid out for the last simulation, so that nothing
  moves while the slider does; it fits its canvas until you zoom or move it.
- **Prior against visits** has the same axes in every search, 0 to 100 %: above the diagonal a move was visited more
  than its prior says.
- **Wins, draws, loses** is proven: it holds whatever the other side plays.
- **In an environment** its picture takes the place of the board: of the root as it was recorded, of other nodes by
  doing the episode and the search's actions again. *Q* and *V* are returns (discounted rewards), colours are about the
  root's own mean. An action with several outcomes was chance; *of its N* says how often it came out so.
- **Look inside the network** follows the node that is clicked: what its layers hold there, beside the root and the
  difference; and what its value and the logit of a move rest on, with the controls of the page *Saliency*. All of it is
  recomputed, from the packed position or with the environment brought there again, by the network whose fingerprint the
  search names, and by no other.
- **What if the network said something else?** runs the search again with other priors at the root, or another value of
  a position, the one that is clicked to begin with. What the search knew is taken from it bit for bit.
- A search is one sample (n = 1): its numbers carry no interval. How often search overturns the network in this
  recording is in *All decisions*.
"""
