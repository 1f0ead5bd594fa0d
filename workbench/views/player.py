"""The player as a Streamlit component: it plays in the browser and reports the step at which it comes to rest."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from workbench.figures.player import player_source

KEY = "replay.player"


def player(payload: dict[str, Any], step: int, *, on_step: Callable[[int], None]) -> int | None:
    """Mount the player.

    Args:
        payload: What `episode_payload` built.
        step: Where to start; a later change counts only together with another episode or window.
        on_step: Is told the step at which the player has come to rest, or one outside the window that it asks for.

    Returns:
        The step last reported for this episode, None before the first report.
    """
    episode = payload["episode_key"]

    def changed() -> None:
        reported = _reported()
        if reported is not None:
            st.session_state["replay.reported"] = (episode, reported)
            on_step(reported)

    token = f"{episode}|{payload['window']['start']}"
    seek = st.session_state.get("replay.seek")
    if seek is None or seek["token"] != token:
        seek = st.session_state["replay.seek"] = {"token": token, "step": step}
    source = player_source()
    component = st.components.v2.component(
        "workbench_player", html='<div class="rlw-player"></div>', css=source.style, js=source.script
    )
    component(key=KEY, data={"payload": payload, "seek": seek}, on_step_change=changed)
    last_episode, last_step = st.session_state.get("replay.reported", (None, None))
    return last_step if last_episode == episode else None


def _reported() -> int | None:
    state = st.session_state.get(KEY) or {}
    step = state.get("step")
    return int(step) if isinstance(step, int | float) and 0 <= step < 1e12 else None
