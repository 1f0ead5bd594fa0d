"""A region of a map: its episodes, and what sets it apart."""

import numpy as np
import numpy.typing as npt
import streamlit as st

from workbench.analyses.intervals import estimate
from workbench.analyses.representation import Points
from workbench.analyses.representation.colouring import Colouring, colour_points
from workbench.analyses.representation.regions import Contrast, contrast_region
from workbench.errors import WorkbenchError
from workbench.recording import Recording
from workbench.views.atlas_caching import cached_colours
from workbench.views.errors import plain
from workbench.views.kept_results import once

SHOWN = 8
WITHOUT = {"episode", "new_observation"}
"""What is not compared: the number of an episode tells nothing, and what is new takes long to find out."""


def region_panel(
    path: str, stamp: int | str, recording: Recording, points: Points, picked: npt.NDArray[np.int64]
) -> None:
    """Draw what is in a region: its episodes, its mean value and reward, and what sets it apart."""
    inside = np.zeros(len(points), bool)
    inside[picked] = True
    episodes, counts = np.unique(points.episodes[picked], return_counts=True)
    st.markdown(
        f"**{len(picked):,} points** ({100 * len(picked) / len(points):.3g} % of the map) of {len(episodes):,} "
        f"episode{'s' * (len(episodes) != 1)}"
    )
    own = np.bincount(points.episodes, minlength=int(episodes.max()) + 1)[episodes]
    order = np.argsort(-counts, kind="stable")
    st.dataframe(
        {
            "episode": episodes[order],
            "points here": counts[order],
            "of its points [%]": np.round(100 * counts[order] / own[order], 1),
        },
        hide_index=True,
        height=150,
    )
    for name in ("value", "reward"):
        if name in recording.steps and not recording.steps[name].shape[1:]:
            numbers = np.asarray(recording.steps[name][points.rows[picked]], np.float64)
            st.caption(plain(f"mean {name}: {estimate(numbers, points.episodes[picked])}"))
    if inside.all():
        st.caption("That is all of the map: there is nothing to compare it with.")
        return
    _contrasts(path, stamp, recording, points, inside)


def _contrasts(
    path: str, stamp: int | str, recording: Recording, points: Points, inside: npt.NDArray[np.bool_]
) -> None:
    concepts = once(("atlas concepts", path, stamp, len(points)), lambda: _concepts(path, stamp, recording, points))
    found = once(
        ("atlas region", path, stamp, len(points), np.packbits(inside).tobytes()),
        lambda: contrast_region(points, inside, concepts),
    )
    if not found:
        return
    st.markdown(_verdict(found))
    st.table(
        {
            "concept": [plain(one.words) for one in found[:SHOWN]],
            "inside": [plain(one.inside) for one in found[:SHOWN]],
            "outside": [plain(one.outside) for one in found[:SHOWN]],
            "distance": [f"{one.distance:.2f}" for one in found[:SHOWN]],
            "chance (95 %)": [f"{one.by_chance:.2f}" for one in found[:SHOWN]],
            "p": [f"{one.p:.2g}" for one in found[:SHOWN]],
        }
    )
    st.caption(
        f"Distance of the distributions inside and outside: 0 the same, 1 apart. Chance: the region's shape in time "
        f"laid over other episodes, 300 times; p allows for all {len(found)} concepts."
    )


def _concepts(path: str, stamp: int | str, recording: Recording, points: Points) -> list[Colouring]:
    found = []
    for name in cached_colours(path, stamp):
        if name in WITHOUT:
            continue
        try:
            found.append(colour_points(recording, points, name))
        except WorkbenchError:
            # The same everywhere: it sets nothing apart.
            continue
    return found


def _verdict(found: tuple[Contrast, ...]) -> str:
    sure = [one for one in found if one.sure]
    if not sure:
        return "**Nothing sets it apart** more than chance would."
    first = sure[0]
    return (
        f"Most apart: **{plain(first.words)}**, {plain(first.inside)} inside, {plain(first.outside)} outside "
        f"(distance {first.distance:.2f}, by chance up to {first.by_chance:.2f})."
    )
