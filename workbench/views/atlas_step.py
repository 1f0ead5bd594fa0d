"""One step beside a map: what was seen and done there."""

import numpy as np
import numpy.typing as npt
import streamlit as st

from workbench.recording import Recording
from workbench.views.errors import plain
from workbench.views.pages import pages
from workbench.views.root import name_below_root

MOST_NUMBERS = 12
PICTURE_WIDTH = 260


def step_panel(path: str, recording: Recording, row: int, episode: int, step: int) -> None:
    """Draw a step: its picture or its observation, its action, value and reward, and the way to its replay."""
    steps = recording.steps
    st.markdown(f"**Episode {episode}, step {step}**")
    picture = step_picture(recording, row)
    if picture is not None:
        st.image(picture, width=PICTURE_WIDTH)
    action = np.asarray(steps["action"][row]).reshape(-1)
    known = recording.action_names or []
    facts = []
    if len(action) == 1 and action.dtype.kind in "iub":
        number = int(action[0])
        facts.append(f"action **{plain(known[number]) if 0 <= number < len(known) else number}**")
    else:
        facts.append("action " + plain(", ".join(f"{one:.3g}" for one in action[:MOST_NUMBERS].tolist())))
    for name in ("value", "reward"):
        if name in steps and not steps[name].shape[1:]:
            facts.append(f"{name} **{float(steps[name][row]):.4g}**".replace("-", "−"))
    st.markdown(" · ".join(facts))
    if picture is None and "observation" in steps:
        seen = np.asarray(steps["observation"][row], np.float64).reshape(-1)
        names = recording.observation_names or []
        words = names if len(names) == len(seen) else [f"observation[{place}]" for place in range(len(seen))]
        told = [f"{plain(name)} {value:.3g}".replace("-", "−") for name, value in zip(words, seen, strict=True)]
        st.markdown("  \n".join(told[:MOST_NUMBERS]))
    query = {"recording": name_below_root(path), "episode": str(episode), "step": str(step)}
    st.page_link(pages()["replay"], label="Open in Replay", icon=":material/play_circle:", query_params=query)


def step_picture(recording: Recording, row: int) -> npt.NDArray[np.uint8] | None:
    """The frame, or an image that was observed; None where there is neither."""
    for name in ("frame", "observation"):
        if name in recording.steps:
            array = recording.steps[name]
            if array.dtype == np.uint8 and len(array.shape) == 4:
                found = np.asarray(array[row])
                if found.shape[-1] not in (1, 3):
                    found = found[..., -1]
                scale = max(1, PICTURE_WIDTH // found.shape[1])
                return found.squeeze().repeat(scale, axis=0).repeat(scale, axis=1)
    return None
