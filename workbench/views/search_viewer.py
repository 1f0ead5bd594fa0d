"""The viewer of a search, and a board to play on, as Streamlit components."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from workbench.figures.search_viewer import board_source, search_source


def search_viewer(
    payload: dict[str, Any],
    *,
    key: str,
    report: bool = False,
    frames_of: Callable[[Sequence[int] | None], dict[str, Any]] | None = None,
) -> int:
    """Mount the viewer.

    Args:
        payload: What `search_payload` built.
        key: Of the place on the page.
        report: Run the page (or the fragment around the viewer) again whenever another node is looked at.
        frames_of: Gives pictures of nodes as `frames.js` takes them; None asks for those that are looked at first.

    Returns:
        The node that was looked at last while it was to be reported; 0, the root, before.
    """
    told = (st.session_state.get(key) or {}).get("node")
    # What was told of another search is no node of this one.
    found = told.get("node") if isinstance(told, dict) and told.get("key") == payload["key"] else 0
    node = found if isinstance(found, int) and 0 <= found < payload["nodes"] else 0
    asked = f"{key}.frames"

    def ask() -> None:
        st.session_state[asked] = (st.session_state.get(key) or {}).get("frames")

    frames = None
    if frames_of is not None:
        wanted = st.session_state.pop(asked, None)
        nodes = wanted.get("nodes") if isinstance(wanted, dict) and wanted.get("key") == payload["key"] else None
        frames = frames_of([one for one in nodes if isinstance(one, int)] if isinstance(nodes, list) else None)
    source = search_source()
    component = st.components.v2.component(
        "workbench_search", html='<div class="rlw-player rlw-search"></div>', css=source.style, js=source.script
    )
    data = {"payload": payload, "report": report, "node": node, "frames": frames}
    component(key=key, data=data, on_node_change=lambda: None, on_frames_change=ask)
    return node


def playing_board(
    place: dict[str, Any], *, key: str, token: str, can_move: bool, last_cell: int, on_move: Callable[[int], None]
) -> None:
    """Mount a board on which one moves by clicking.

    Args:
        place: What `place_payload` built.
        key: Of the place on the page.
        token: Of this position of this game, so that a late click is not taken for a move in another.
        can_move: Whether it is the reader's turn.
        last_cell: The cell that is marked; −1: none.
        on_move: Is told the action.
    """

    def changed() -> None:
        report = (st.session_state.get(key) or {}).get("move")
        if isinstance(report, dict) and report.get("token") == token and report.get("action") in place["legal"]:
            on_move(int(report["action"]))

    source = board_source()
    component = st.components.v2.component(
        "workbench_search_board", html='<div class="rlw-player rlw-search"></div>', css=source.style, js=source.script
    )
    data = {"place": place, "token": token, "open": can_move, "last_cell": last_cell}
    component(key=key, data=data, on_move_change=changed)
