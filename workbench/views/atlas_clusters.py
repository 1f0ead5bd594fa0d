"""The clusters of a layer: what they show, how far they come again, and how the agent goes between them."""

from typing import Any

import numpy as np
import streamlit as st

from workbench.analyses.intervals import Estimate
from workbench.analyses.representation import Clustering, TransitionGraph
from workbench.analyses.representation.points import POINTS
from workbench.figures.atlas_clusters import contact_sheet, transition_figure
from workbench.figures.png import png_bytes
from workbench.recording import Recording
from workbench.views.atlas_caching import cached_clusters
from workbench.views.atlas_step import step_picture
from workbench.views.caching import stamp
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.progress_bar import ProgressBar


def clusters_part(path: str, recording: Recording, layer: str) -> None:
    """Draw the part of the page."""
    left, right, _ = st.columns([1.2, 1, 2.4], vertical_alignment="bottom")
    chosen = left.toggle("By silhouette", value=True, key="atlas.by_silhouette",
                         help="The number from 2 to 12 whose clusters are farthest apart for their size.")  # fmt: skip
    number = right.number_input("Clusters", 2, 64, 6, key="atlas.clusters", disabled=chosen)
    with errors_in_a_box():
        moment = stamp(path)
        bar = st.progress(0.0, "finding clusters")
        try:
            found, graph = cached_clusters(
                path, moment, layer, None if chosen else int(number), POINTS, ProgressBar(bar, "clusters")
            )
        finally:
            bar.empty()
        st.markdown(_evidence(found))
        table = _table(found, graph)
        wide = {name: st.column_config.TextColumn(width=170) for name in table if name.endswith("[95 %]")}
        st.dataframe(table, hide_index=True, column_config=wide, height="content")
        st.caption(plain("; ".join(found.notes)) + ".")
        _ways(recording, found, graph)
    with st.expander("How to read this page", icon=":material/help:"):
        st.markdown(HOW_TO_READ)


def _evidence(found: Clustering) -> str:
    number = f"{found.count} clusters"
    facts = [
        f"**{number}**{found.count_in_words.removeprefix(number)} of {found.read} principal "
        f"component{'s' * (found.read != 1)}",
        f"silhouette {_short(found.silhouette)}, of Gaussian numbers with the same covariance "
        f"{found.silhouette_of_chance:.2f}",
        f"found again in other episodes: adjusted Rand index {found.stability_in_words}",
    ]
    return plain(" · ".join(facts)).replace("\\*\\*", "**")


def _table(found: Clustering, graph: TransitionGraph) -> dict[str, Any]:
    share = 100 * found.steps / found.steps.sum()
    table: dict[str, Any] = {
        "cluster": list(range(found.count)),
        "steps": found.steps,
        "share [%]": np.round(share, 1),
        "episodes": [one.episodes for one in found.reward],
        "steps in a row [95 %]": [_short(one) for one in graph.dwell],
        "stays [%]": np.round(100 * graph.stays, 1),
        "leaves (n)": graph.leaves,
        "reward [95 %]": [_short(one) for one in found.reward],
        "begin here (n)": graph.starts,
        "end here (n)": graph.ends,
        "comes again (Jaccard)": ["–" if np.isnan(one) else f"{one:.2f}" for one in found.stability_of_cluster],
    }
    if found.value[0] is not None:
        table["value [95 %]"] = [_short(one) for one in found.value]
    return table


def _ways(recording: Recording, found: Clustering, graph: TransitionGraph) -> None:
    pictures = [
        [None if row < 0 else step_picture(recording, int(row)) for row in examples] for examples in found.examples
    ]
    if graph.predictable.steps:
        left, right = st.columns([1.3, 1], vertical_alignment="center")
        left.image(png_bytes(transition_figure(found, graph), dots_per_inch=110))
        right.caption(
            plain(
                f"Arrows: shares of the times that a cluster is left, with how often (n). The next other cluster is "
                f"the one to which other episodes most often go on from there: "
                f"{_percent(graph.predictable)} of {graph.predictable.steps:,} times; with each episode's clusters in "
                f"random order {_percent(graph.predictable_shuffled)}; always saying the most common one "
                f"{_percent(graph.predictable_always)}."
            )
        )
    else:
        st.caption("No episode goes from one cluster to another: the clusters tell episodes apart, not steps.")
    if any(picture is not None for row in pictures for picture in row):
        st.image(png_bytes(contact_sheet(found, pictures), dots_per_inch=110))
        st.caption("The medoid of each cluster, and below it the nearest steps to it of other episodes.")
    else:
        st.info("No picture was recorded; record with frames to see what the clusters show.")


def _short(one: Estimate | None) -> str:
    if one is None or not one.steps:
        return "–"
    if one.low is None or one.high is None:
        return f"{one.mean:.3g}".replace("-", "−")
    return f"{one.mean:.3g} [{one.low:.3g}, {one.high:.3g}]".replace("-", "−")


def _percent(one: Estimate) -> str:
    if one.low is None or one.high is None:
        return f"{100 * one.mean:.0f} %"
    return f"{100 * one.mean:.0f} % [{100 * max(one.low, 0):.0f}, {100 * min(one.high, 1):.0f}]"


HOW_TO_READ = """
- **K-means finds clusters in anything.** Believe them as far as their silhouette lies above that of Gaussian numbers
  with the same covariance, and as far as other episodes give them again (adjusted Rand index: 0 by chance, 1 the same).
- **Few episodes in a cluster** say that it tells episodes apart (one maze from another), not what goes on in them.
- **Arrows** are steps that follow each other within an episode, of those that leave a cluster (Zahavy and others 2016).
  That the next cluster can be foretold says something where it is foretold better than in a random order.
- Numbers of two or more clusters are of the same steps: they are a description, and no test.
"""
