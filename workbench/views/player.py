"""The player as a Streamlit component: it plays in the browser and reports the step at which it comes to rest."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from workbench.figures.player import player_source

KEY = "replay.player"
HEADER = "3.75rem"
"""Height of Streamlit's own header, under which the controls stay in sight."""


def player(payload: dict[str, Any], step: int, *, on_step: Callable[[int], None]) -> None:
    """Mount the player.

    Args:
        payload: What `episode_payload` built.
        step: The step in the address bar.
        on_step: Is told the step at which the player has come to rest, or one outside the window that it asks for.
    """

    def changed() -> None:
        reported = _reported()
        if reported is not None:
            st.session_state["replay.known_step"] = reported
            on_step(reported)

    seek = _seek((payload["episode_key"], payload["window"]["start"]), step)
    source = player_source()
    html = f'<div class="rlw-player" style="--rlw-top: {HEADER}"></div>'
    component = st.components.v2.component("workbench_player", html=html, css=source.style, js=source.script)
    component(key=KEY, data={"payload": payload, "seek": seek}, on_step_change=changed)


def _seek(place: tuple[str, int], step: int) -> dict[str, Any]:
    """Where the player is told to go; the token changes only where it must go there, not where it came from itself.

    The command changes only where the step is not the one that it has been at, reported or told to go to, in this
    episode. Where it is, and only the steps around it are others (of another layer a window holds more or fewer), a
    player that has heard of the last command, and whose reader has gone on meanwhile, knows better.

    Sent along unchanged with every rerun, so that the message (which holds the payload) need not be sent again.
    """
    last = st.session_state.get("replay.seek", {"place": None, "seek": {"token": -1, "command": 0}})
    known = st.session_state.get("replay.known_step") == step
    if not known or last["place"] != place:
        token, command = last["seek"]["token"] + 1, last["seek"]["command"]
        if not known or last["place"] is None or last["place"][0] != place[0]:
            command += 1
        last = {"place": place, "seek": {"token": token, "step": step, "command": command}}
        st.session_state["replay.seek"] = last
        st.session_state["replay.known_step"] = step
    seek: dict[str, Any] = last["seek"]
    return seek


def _reported() -> int | None:
    # A report is {step, count, command}: the count tells two reports of the same step apart. One from before the last
    # command is not heeded: that was about another step, or another episode.
    report = (st.session_state.get(KEY) or {}).get("step")
    if not isinstance(report, dict) or report.get("command") != st.session_state["replay.seek"]["seek"]["command"]:
        return None
    step = report.get("step")
    return int(step) if isinstance(step, int | float) and 0 <= step < 1e12 else None
