"""The page that says what a decision rests on: maps of several methods side by side, each with its evidence."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st
from matplotlib.figure import Figure

from workbench.analyses.saliency import BASELINES, METHODS, SaliencyMaps
from workbench.analyses.saliency.methods import find_method
from workbench.analyses.saliency.sanity import agreement
from workbench.errors import WorkbenchError
from workbench.figures.png import png_bytes
from workbench.figures.saliency import (
    bars_figure,
    colour_bar,
    curves_figure,
    enlarge,
    evidence_figure,
    evidence_rows,
    overlay,
)
from workbench.figures.saliency_film import film_figure
from workbench.recording import Recording
from workbench.views.caching import stamp
from workbench.views.choosing import choose_place
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.progress_bar import ProgressBar
from workbench.views.saliency_caching import (
    SAMPLE_STEPS,
    STRIP_CHUNK,
    Asked,
    cached_explanation,
    cached_film,
    cached_offer,
    cached_sample,
    cached_strip,
    recording_names,
)
from workbench.views.selection import change_selection, read_selection

MOST_METHODS = 4
WIDE_METHODS = 2
"""Up to so many, the evidence of each stands in one row."""
PICTURE_WIDTH = 360
"""Pixels."""
STRIP_STEPS = 24
WINDOW, MOST_WINDOW = 8, 32
"""Observations that are explained together."""
DEFAULT_METHODS = ("integrated_gradients", "feature_ablation")


def page() -> None:
    """Draw the page."""
    with errors_in_a_box():
        chosen = choose_place("saliency", title="Saliency", empty="There is nothing to explain yet.")
        if chosen is None:
            return
        question = _choose_question(chosen.path, chosen.recording, chosen.row)
        blend, threshold = _choose_look()
        _maps(question, blend, threshold)
        _sample(question)
        _back_in_time(question)
        _strip(chosen.recording, chosen.episode, chosen.step, question, blend, threshold)
        with st.expander("How to read this page", icon=":material/help:"):
            st.markdown(HOW_TO_READ)


def _choose_question(path: str, recording: Recording, row: int) -> Asked:
    moment = stamp(path)
    offer = cached_offer(path, moment)
    asked = read_selection()
    what, how, against, where = st.columns([1.6, 2, 1.1, 1.3])
    targets = [name for name, _ in offer.targets]
    words = dict(offer.targets)
    target = _select("target", what, "What is explained", targets, asked.target, lambda name: words[name])
    possible = [row.name for row in METHODS if offer.methods[row.name] is None]
    chosen = [name for name in (asked.method or "").split(",") if name in possible]
    st.session_state["saliency.method"] = chosen or [name for name in DEFAULT_METHODS if name in possible]

    def methods_changed() -> None:
        change_selection(method=",".join(st.session_state["saliency.method"]) or None)

    methods = how.multiselect(
        "How (side by side)",
        possible,
        format_func=lambda name: find_method(name).title,
        key="saliency.method",
        on_change=methods_changed,
        max_selections=MOST_METHODS,
    )
    baselines = [row.name for row in BASELINES if row.name != "blurred" or offer.sees_images]
    baseline = _select(
        "baseline", against, "Against", baselines, asked.baseline or "mean", lambda name: name.replace("_", " ")
    )
    sites = ["", *recording.layers]
    site = _select("site", where, "Attributed to", sites, asked.site or "", lambda name: name or "the observation")
    return Asked(
        path=path, stamp=moment, row=row, target=target, methods=tuple(methods), baseline=baseline, layer=site or None
    )


def _select(
    name: str, place: Any, title: str, options: list[str], shown: str | None, words: Callable[[str], str]
) -> str:
    key = f"saliency.{name}"
    st.session_state[key] = shown if shown in options else options[0]

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
    wide = len(question.methods) <= WIDE_METHODS
    picture = numbers = None
    explained: list[SaliencyMaps] = []
    # The place of what was seen is kept, and filled when the first explanation has brought it.
    seen, *columns = st.columns([0.8 if wide else 0.6, *(1.4 if wide else 1,) * len(question.methods)])
    for column, method in zip(columns, question.methods, strict=True):
        with column, errors_in_a_box():
            st.subheader(find_method(method).title, anchor=False)
            found = cached_explanation(question.for_method(method))
            maps, known, picture, numbers = found.maps, found.evidence, found.picture, found.numbers
            if picture is not None and maps.layer is None:
                heat = maps.picture()[0]
                shown = overlay(picture, heat, signed=maps.signed, blend=blend, threshold=threshold)
                st.image(shown, width=PICTURE_WIDTH if wide else "stretch")
                st.html(colour_bar(float(abs(heat).max()), maps.unit, signed=maps.signed))
            else:
                st.image(_png(bars_figure(maps, 0)))
            _numbers(maps, known)
            st.image(_png(evidence_figure(maps, known, 0)))
            explained.append(maps)
    if len(explained) > 1:
        st.caption(_agreement(explained))
    with seen:
        st.subheader("What it saw", anchor=False)
        if picture is not None:
            st.image(enlarge(picture), width="stretch")
        elif numbers is not None:
            st.table(
                {
                    "number": [plain(name) for name in numbers],
                    "value": [f"{value:.4g}".replace("-", "−") for value in numbers.values()],
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


def _numbers(maps: SaliencyMaps, known: Any) -> None:
    fidelity, causal = known.fidelity, known.causal
    unit = f" {maps.unit}" if maps.unit else ""
    better = fidelity.deletion_below_random.mean
    facts = [
        f"target {maps.target_values[0]:.4g}",
        f"deletion {fidelity.deletion.mean:.3g}{unit}, random order {fidelity.deletion.mean + better:.3g}",
        f"insertion {fidelity.insertion.mean:.3g}{unit}, random order "
        f"{fidelity.insertion.mean - fidelity.insertion_above_random.mean:.3g}",
        "rank correlation with patching "
        + (f"{causal.correlation.mean:.2f}" if causal.correlation.steps else "undecided")
        + f", shuffled {causal.shuffled.mean:.2f}",
    ]
    if "completeness_gap" in maps.facts:
        facts.append(f"completeness gap {100 * maps.facts['completeness_gap'][0]:.2g} %")
    st.caption(" · ".join(plain(fact.replace("-", "−")) for fact in facts) + " (n = 1 step)")


def _png(figure: Figure) -> bytes:
    return png_bytes(figure, dots_per_inch=110)


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
            st.table(
                {
                    "evidence": [row.what for row in evidence_rows(found)],
                    "this map": [row.value for row in evidence_rows(found)],
                    "beside": [row.control for row in evidence_rows(found)],
                    "what it says": [row.says for row in evidence_rows(found)],
                }
            )
            st.image(_png(curves_figure(found.fidelity)))
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
        pictures: list[Any] = []
        for start in range(0, len(wanted), STRIP_CHUNK):
            some = tuple(int(row) for row in wanted[start : start + STRIP_CHUNK])
            pictures += cached_strip(question.for_method(method), some)
            bar.progress(min(1.0, (start + len(some)) / len(wanted)), f"{start + len(some)} of {len(wanted)} steps")
        bar.empty()
        if pictures[0][0] is None:
            raise WorkbenchError("A film strip is of pictures, and this agent sees none; the bars above are per step.")
        largest = max(float(abs(heat).max()) for _, heat in pictures)
        signed = find_method(method).signed
        columns = st.columns(8)
        for place, (picture, heat) in enumerate(pictures):
            shown = overlay(picture, heat, signed=signed, blend=blend, threshold=threshold, largest=largest)
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
            found.film, signed=found.maps.signed, unit=found.maps.unit, pictures=found.pictures, names=names
        )
        st.image(_png(figure))
        _numbers(found.maps, found.evidence)
        st.caption(
            "Each column is one observation, *now* the decision's own; what came before the first of them stays in the "
            "memory as it was. The bars add a column up. The numbers are of this map: its regions are those of all the "
            "observations together."
        )


HOW_TO_READ = """
- A map says how much each part of the observation (or of a layer) contributed to **one number**: the *target*. By
  default that is the log-odds of the action taken, ln p/(1 − p), or its Q value. *A rather than B* explains a
  difference.
- Over a picture, **red speaks for the target, blue against it**; methods that give magnitudes only go from dark to
  yellow. The picture is shown in grey, so that no colour of its own is taken for the map's.
- Every attribution is relative to a **baseline**, what stands for "nothing there".
- **Deletion**: the target's change while the map's first regions are replaced by the baseline, the most important
  first. A good map falls early. **Insertion** puts them back, and should rise early. Beside each stand a random order
  (the mean of five) and the plain input (its edges, or its distance from the baseline), which know nothing of the
  agent.
- **Causal check**: each region is replaced by what stood there in other steps of the recording. The rank correlation
  compares what the map says with what that does to the target; 1 is full agreement, 0 is what a shuffled map gets.
- **Random weights** (Adebayo et al. 2018): how alike the map is when the network has learned nothing. Near 1 means
  that the map shows the input and not this agent.
- **AIM, AUM** (XRL-Bench): how often the decision stays when the first regions are set to zero, and when only they
  are left.
- One step has no interval. Those of the table are 95 % bootstrap intervals over episodes, as steps of one episode are
  alike.
- None of this says that the agent *understands* what is marked; it says what its answer depends on, here.
"""
