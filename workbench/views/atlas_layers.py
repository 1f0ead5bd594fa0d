"""All layers of a recording: how alike they are, and how many directions the chosen one uses."""

import numpy as np
import streamlit as st

from workbench.analyses.representation import IntrinsicDimension, Similarity
from workbench.figures.atlas_clusters import similarity_figure
from workbench.figures.png import png_bytes
from workbench.recording import Recording
from workbench.views.atlas_caching import cached_dimension, cached_similarity
from workbench.views.caching import stamp
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.progress_bar import ProgressBar


def layers_part(path: str, recording: Recording, layer: str) -> None:
    """Draw the part of the page."""
    moment = stamp(path)
    with errors_in_a_box():
        bar = st.progress(0.0, "measuring the dimension")
        try:
            dimension = cached_dimension(path, moment, layer, ProgressBar(bar, "dimension"))
        finally:
            bar.empty()
        _dimension(dimension)
    with errors_in_a_box():
        if not st.toggle(f"Compare all {len(recording.layers)} layers", key="atlas.compare"):
            return
        random = st.toggle("Beside random weights (asks the agent again at every step)", key="atlas.random")
        bar = st.progress(0.0, "comparing layers")
        try:
            found = cached_similarity(path, moment, random, ProgressBar(bar, "layers"))
        finally:
            bar.empty()
        _similarity(found)


def _dimension(found: IntrinsicDimension) -> None:
    rows = [
        ("numbers a step", f"{found.width:,}"),
        ("participation ratio of the covariance [95 %]", str(found.participation_ratio)),
        ("TwoNN [95 %]", "too few different points" if found.two_nn is None else str(found.two_nn)),
    ]
    if found.two_nn_across is not None:
        rows.append(("TwoNN, neighbours in other episodes [95 %]", str(found.two_nn_across)))
    if found.two_nn_of_gaussian is not None:
        rows.append(("TwoNN of Gaussian points with the same covariance", f"{found.two_nn_of_gaussian:.3g}"))
    if len(found.by_size) > 1:
        sizes = ", ".join(f"{value:.3g} of {size:,}" for size, value in found.by_size.items())
        rows.append(("TwoNN by number of points", sizes))
    left, right = st.columns([1.1, 1])
    left.table({f"dimension of {found.layer}": [name for name, _ in rows], "": [value for _, value in rows]})
    ratio = found.participation_ratio
    notes = "".join(f" {note[0].upper()}{note[1:]}." for note in found.notes)
    right.caption(
        plain(
            f"The participation ratio counts directions of the space that share the variance ({ratio.steps:,} steps "
            f"of {ratio.episodes} episodes). TwoNN counts those along which one can go without leaving the points, "
            f"however they bend ({found.points:,} points; Facco and others 2017).{notes}"
        )
    )


def _similarity(found: Similarity) -> None:
    left, right = st.columns([1.5, 1])
    left.image(png_bytes(similarity_figure(found), dots_per_inch=110))
    width = np.nanmax(found.high - found.low) if np.isfinite(found.low).any() else float("nan")
    intervals = f" The widest 95 % interval over episodes is {width:.2f}." if np.isfinite(width) else " No interval."
    right.caption(
        plain(
            f"Linear CKA (Kornblith and others 2019): 1 where one layer is the other turned and scaled.{intervals} "
            f"With the rows of one layer shuffled it would be {np.nanmax(found.shuffled):.2g} on average at most. "
            + " ".join(f"{note[0].upper()}{note[1:]}." for note in found.notes)
        )
    )
    if found.random_weights is not None and found.random_low is not None and found.random_high is not None:
        right.table(
            {
                "layer": [plain(name) for name in found.rows],
                "CKA with random weights [95 %]": [
                    f"{value:.2f} [{low:.2f}, {high:.2f}]" if np.isfinite(low) else f"{value:.2f}"
                    for value, low, high in zip(
                        found.random_weights, found.random_low, np.minimum(found.random_high, 1), strict=True
                    )
                ],
            }
        )
