"""A region of a map: its episodes, and what sets it apart."""

import numpy as np
import numpy.typing as npt
import streamlit as st

from workbench.analyses.representation import Points
from workbench.recording import Recording


def region_panel(
    path: str, stamp: int | str, recording: Recording, points: Points, picked: npt.NDArray[np.int64]
) -> None:
    """Draw what is in a region."""
    inside = np.zeros(len(points), bool)
    inside[picked] = True
    episodes, counts = np.unique(points.episodes[picked], return_counts=True)
    st.markdown(
        f"**{len(picked):,} points** ({100 * len(picked) / len(points):.3g} % of the map) of {len(episodes):,} episodes"
    )
    own = np.array([(points.episodes == one).sum() for one in episodes])
    order = np.argsort(-counts, kind="stable")
    st.dataframe(
        {
            "episode": episodes[order],
            "points here": counts[order],
            "share of its points [%]": np.round(100 * counts[order] / own[order], 1),
        },
        hide_index=True,
        height=190,
    )
