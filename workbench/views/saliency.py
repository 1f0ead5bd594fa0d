"""The page that says what a decision rests on: maps of several methods side by side, each with its evidence."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st
from matplotlib.figure import Figure

from workbench.analyses.saliency import METHODS, SaliencyMaps
from workbench.analyses.saliency.evidence import Evidence
from workbench.analyses.saliency.methods import find_method
from workbench.analyses.saliency.sanity import agreement
from workbench.figures.png import png_bytes
from workbench.figures.saliency import (
    bars_figure,
    colour_bar,
    enlarge,
    overlay,
)
from workbench.figures.saliency_evidence import curves_figure, evidence_figure
from workbench.figures.saliency_film import film_figure, strip_figure
from workbench.figures.saliency_words import evidence_rows, step_rows
from workbench.recording import Recording
from workbench.views.caching import stamp
from workbench.views.choosing import choose_place
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.evidence_table import evidence_table
from workbench.views.inner_targets import choose_inner_target
from workbench.views.progress_bar import ProgressBar
from workbench.views.saliency_address import MOST_METHODS, resolve_choice
from workbench.views.saliency_caching import (
    SAMPLE_STEPS,
    STRIP_CHUNK,
    Asked,
    Explanation,
    Strip,
    cached_explanation,
    cached_film,
    cached_offer,
    cached_sample,
    cached_strip,
    cached_target,
    recording_names,
)
from workbench.views.saliency_reading import HOW_TO_READ
from workbench.views.selection import change_selection, read_selection

SEEN_WIDTH, CARD_WIDTH = 270, 520
"""Pixels of what was seen, and of one method beside it: two methods on a wide screen, below 1000 pixels one."""
PICTURE_WIDTH = 360
"""Pixels."""
STRIP_STEPS = 24
WINDOW, MOST_WINDOW = 8, 32
"""Observations that are explained together."""


def page() -> None:
    """Draw the page."""
    with errors_in_a_box():
        chosen = choose_place("saliency", title="Saliency", empty="There is nothing to explain yet.")
        if chosen is None:
            return
        question = _choose_question(chosen.path, chosen.recording, chosen.row)
        offer = cached_offer(question.path, question.stamp)
        blend, threshold = _choose_look() if offer.sees_images and question.layer is None else (0.0, 0.0)
        _maps(question, blend, threshold)
        _sample(question)
        _back_in_time(question)
        _strip(chosen.recording, chosen.episode, chosen.step, question, blend, threshold)
        with st.expander("How to read this page", icon=":material/help:"):
            st.markdown(HOW_TO_READ)


def _choose_question(path: str, recording: Recording, row: int) -> Asked:
    moment = stamp(path)
    offer = cached_offer(path, moment)
    taken = recording.steps["action"][row]
    choice = resolve_choice(
        read_selection(),
        targets=offer.targets,
        methods=offer.methods,
        layers=list(recording.layers),
        sees_images=offer.sees_images,
        pointless=f"difference:-{int(taken.item())}" if taken.size == 1 and taken.dtype.kind in "iu" else None,
        find=lambda text: cached_target(path, moment, text),
    )
    if choice.notices:
        st.warning("\n\n".join(map(plain, choice.notices)), icon=":material/link_off:")
    what, how, against, where = st.columns([1.6, 2, 1.1, 1.3])
    words = dict(choice.targets)
    target = _select("target", what, "What is explained", list(words), choice.target, words.__getitem__)
    st.session_state["saliency.method"] = list(choice.methods)

    def methods_changed() -> None:
        change_selection(method=",".join(st.session_state["saliency.method"]) or None)

    methods = how.multiselect(
        "How (side by side)",
        [row.name for row in METHODS if offer.methods[row.name] is None],
        format_func=lambda name: find_method(name).title,
        key="saliency.method",
        on_change=methods_changed,
        max_selections=MOST_METHODS,
        wrap=True,
    )
    baseline = _select(
        "baseline", against, "Against", list(choice.baselines), choice.baseline, lambda name: name.replace("_", " ")
    )
    with what:
        choose_inner_target(path, moment, recording)
    sites = ["", *recording.layers]
    site = _select("site", where, "Attributed to", sites, choice.site, lambda name: name or "the observation")
    return Asked(
        path=path, stamp=moment, row=row, target=target, methods=tuple(methods), baseline=baseline, layer=site or None
    )


def _select(name: str, place: Any, title: str, options: list[str], shown: str, words: Callable[[str], str]) -> str:
    key = f"saliency.{name}"
    st.session_state[key] = shown

    def changed() -> None:
        change_selection(**{name: st.session_state[key] or None})

    chosen: str = place.selectbox(title, options, key=key, on_change=changed, format_func=words)
    return chosen


def _choose_look() -> tuple[float, float]:
    left, right, _ = st.columns([1, 1, 3])
    blend = left.slider("Blend [%]", 0, 100, 75, 5, key="saliency.blend", help="Opacity of the strongest attribution")
    threshold = right.slider(
        "Show from [% of the strongest]", 0, 95, 0, 5, key="saliency.threshold", help="Weaker attributions are left out"
    )
    return blend / 100, threshold / 100


def _maps(question: Asked, blend: float, threshold: float) -> None:
    if not question.methods:
        st.info("Choose at least one method.", icon=":material/info:")
        return
    explained: list[SaliencyMaps] = []
    # What has no room beside the others goes to the next row: nothing is made smaller than it can be read.
    side_by_side = st.container(horizontal=True, horizontal_alignment="left", gap="small")
    # The place of what was seen is kept, and filled when the first explanation has brought it.
    seen = side_by_side.container(width=SEEN_WIDTH)
    seen.subheader("What it saw", anchor=False)
    for method in question.methods:
        with side_by_side.container(width=CARD_WIDTH), errors_in_a_box():
            st.subheader(find_method(method).title, anchor=False)
            found = cached_explanation(question.for_method(method))
            maps, known, picture = found.maps, found.evidence, found.picture
            if not explained:
                _seen(seen, found)
            if picture is not None and maps.layer is None:
                heat = maps.picture()[0]
                shown = overlay(picture, heat, signed=maps.signed, blend=blend, threshold=threshold)
                st.image(shown, width=PICTURE_WIDTH)
                st.html(colour_bar(float(abs(heat).max()), maps.unit, signed=maps.signed))
            else:
                st.image(_png(bars_figure(maps, 0)), width=CARD_WIDTH)
            _numbers(maps, known)
            st.image(_png(evidence_figure(maps, known, 0)), width=CARD_WIDTH)
            explained.append(maps)
    if len(explained) > 1:
        st.caption(_agreement(explained))


def _seen(place: Any, found: Explanation) -> None:
    if found.picture is not None:
        place.image(enlarge(found.picture), width="stretch")
    elif found.numbers is not None:
        place.table(
            {
                "number": [plain(name) for name in found.numbers],
                "value": [f"{value:.4g}".replace("-", "−") for value in found.numbers.values()],
            }
        )


def _agreement(explained: Sequence[SaliencyMaps]) -> str:
    found = agreement(explained)
    titles = [find_method(method).title for method in found.methods]
    pairs = [
        f"{titles[j]} and {titles[i]} {found.correlations[i, j]:.2f}" for i in range(len(titles)) for j in range(i)
    ]
    count = len(explained[0].rows)
    said = "; ".join(pairs).replace("nan", "undecided").replace("-", "−")
    return plain(f"Agreement (rank correlation of |attribution|): {said} (n = {count} step{'s' * (count != 1)}).")


def _numbers(maps: SaliencyMaps, known: Evidence) -> None:
    """What one step says, as a table: it is one step, so that nothing in it has an interval."""
    evidence_table(step_rows(maps, known))
    st.caption("n = 1 step: it is compared with chance at this step, and says nothing of others.")


def _png(figure: Figure) -> bytes:
    return png_bytes(figure, dots_per_inch=200)


@st.fragment
def _sample(question: Asked) -> None:
    with errors_in_a_box():
        st.subheader("How far can this be believed?", anchor=False)
        st.caption(
            f"One step shows little. Here the same methods explain {SAMPLE_STEPS} steps drawn from all episodes of the "
            f"recording, with randomised weights and noise, and the intervals are over episodes (95 %)."
        )
        if not st.toggle("Compute the evidence", key="saliency.evidence"):
            return
        explained: list[SaliencyMaps] = []
        for method in question.methods:
            title = find_method(method).title
            bar = st.progress(0.0, f"{title}: explaining {SAMPLE_STEPS} steps")
            maps, found = cached_sample(question.for_method(method), ProgressBar(bar, title))
            bar.empty()
            explained.append(maps)
            count = found.fidelity.deletion
            st.markdown(f"**{plain(title)}** ({count.steps} steps of {count.episodes} episodes)")
            evidence_table(evidence_rows(found))
            st.image(_png(curves_figure(found.fidelity)), width=850)
        if len(explained) > 1:
            st.caption(_agreement(explained))


@st.fragment
def _strip(recording: Recording, episode: int, step: int, question: Asked, blend: float, threshold: float) -> None:
    with errors_in_a_box():
        if not question.methods or question.layer is not None:
            return
        st.subheader("Through the episode", anchor=False)
        method = question.methods[0]
        if not st.toggle(f"Film strip by {find_method(method).title}", key="saliency.strip"):
            return
        rows = recording.episode(episode).rows
        first = min(max(0, step - STRIP_STEPS // 2), max(0, len(rows) - STRIP_STEPS))
        wanted = rows[first : first + STRIP_STEPS]
        bar = st.progress(0.0, "explaining")
        parts: list[Strip] = []
        for start in range(0, len(wanted), STRIP_CHUNK):
            some = tuple(int(row) for row in wanted[start : start + STRIP_CHUNK])
            parts.append(cached_strip(question.for_method(method), some))
            bar.progress(min(1.0, (start + len(some)) / len(wanted)), f"{start + len(some)} of {len(wanted)} steps")
        bar.empty()
        heat, signed = np.concatenate([part.heat for part in parts]), find_method(method).signed
        pictures = [picture for part in parts for picture in part.pictures or ()]
        if not pictures:
            figure = strip_figure(heat, first=first, here=step, signed=signed, unit=parts[0].unit, names=parts[0].names)
            st.image(_png(figure), width=1100)
        columns = st.columns(8) if pictures else []
        for place, picture in enumerate(pictures):
            shown = overlay(
                picture, heat[place], signed=signed, blend=blend, threshold=threshold, largest=float(abs(heat).max())
            )
            mark = " (here)" if first + place == step else ""
            columns[place % 8].image(shown, caption=f"step {first + place}{mark}")
        st.caption("One colour scale over all of these steps.")


@st.fragment
def _back_in_time(question: Asked) -> None:
    """What the last observations contributed: through a memory, or as frames of one stack."""
    with errors_in_a_box():
        offer = cached_offer(question.path, question.stamp)
        if not question.methods or question.layer is not None or not (offer.remembers or offer.frames > 1):
            return
        st.subheader("Back in time", anchor=False)
        window = 1
        shown, asked = st.columns([3, 1], vertical_alignment="bottom")
        method = question.methods[0]
        if offer.remembers:
            window = int(asked.number_input("Observations", 2, MOST_WINDOW, WINDOW, key="saliency.window"))
        if not shown.toggle(f"The last observations by {find_method(method).title}", key="saliency.back"):
            return
        found = cached_film(question.for_method(method), window, offer.frames)
        names = recording_names(question)
        figure = film_figure(
            found.film,
            signed=found.maps.signed,
            unit=found.maps.unit,
            pictures=found.pictures,
            names=names,
            exists=found.exists,
        )
        # It is as wide as its observations make it.
        st.image(_png(figure), width=int(100 * figure.get_size_inches()[0]))
        _numbers(found.maps, found.evidence)
        st.caption(
            "Each column is one observation, *now* the decision's own; what came before the first of them stays in the "
            "memory as it was. The bars add a column up. The numbers are of this map: its regions are those of all the "
            "observations together, but for those from before the episode, which do not exist."
        )
