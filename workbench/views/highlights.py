"""The page of highlights: the moments that tell most about an agent, on a sheet and as a reel, beside other reels."""

import streamlit as st

from workbench.analyses.highlights import Highlights
from workbench.exports.reel import moment_words
from workbench.figures.highlights import comparison_figure
from workbench.figures.player import reel_source
from workbench.figures.png import png_bytes
from workbench.recording import Recording
from workbench.views.addresses import find_recording
from workbench.views.caching import cached_listing, cached_recording, stamp
from workbench.views.choosing import choose_recording
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.highlights_caching import cached_highlights, cached_measures, cached_pictures, cached_reel
from workbench.views.progress_bar import ProgressBar
from workbench.views.root import name_below_root
from workbench.views.selection import read_selection

EXPRESSION = "an expression"
OBSERVATION = "the observation"


def page() -> None:
    """Draw the page."""
    with errors_in_a_box():
        names = [name_below_root(entry["path"]) for entry in cached_listing() if isinstance(entry, dict)]
        if not names:
            st.title("Highlights")
            st.info("There are no moments yet. Make a recording on the page *Recordings*.", icon=":material/info:")
            return
        left, middle, right = st.columns([2, 2.2, 1.4])
        choose_recording("highlights", left, names, read_selection().recording)
        name = read_selection().recording or names[0]
        path = find_recording(name, names)
        recording = cached_recording(path, stamp(path))
        if not len(recording):
            st.info("This recording holds no step: it ended before the first was committed.", icon=":material/info:")
            return
        known = [one.name for one in cached_measures(path, stamp(path))]
        words = {one.name: one.words for one in cached_measures(path, stamp(path))}
        measure: str | None = middle.selectbox(
            "Importance of a step", [*known, EXPRESSION], key=f"highlights.measure.{path}",
            format_func=lambda one: one if one == EXPRESSION else f"{one}: {words[one]}",
        )  # fmt: skip
        if measure == EXPRESSION:
            measure = right.text_input(
                "Expression", key="highlights.expression", placeholder="abs(reward)",
                help="One number at each step: `max(q_values) - min(q_values)`, `abs(reward)`, `-truth.distance`.",
            ).strip()  # fmt: skip
            if not measure:
                st.info("Write an expression: one number at each step, the larger the more important.")
                return
        found = _find(path, recording, measure)
        if found is not None:
            _reel(path, found)
            _moments(name, path, found)
            _evidence(found)
        with st.expander("How to read this page", icon=":material/help:"):
            st.markdown(HOW_TO_READ)


def _find(path: str, recording: Recording, measure: str | None) -> Highlights | None:
    count_place, length_place, states_place, diverse_place = st.columns([1, 1, 2, 2], vertical_alignment="bottom")
    count = count_place.number_input("Moments", 1, 20, 5, key="highlights.count")
    length = length_place.number_input("Steps of each", 1, 200, 30, key="highlights.length")
    layer = states_place.selectbox(
        "States compared by", [OBSERVATION, *recording.layers], key=f"highlights.layer.{path}"
    )
    diverse = diverse_place.toggle("No two alike (HIGHLIGHTS-DIV)", value=True, key="highlights.diverse")
    found: Highlights | None = None
    with errors_in_a_box():
        bar = st.progress(0.0, "reading")
        try:
            found = cached_highlights(
                path,
                stamp(path),
                count=int(count),
                length=int(length),
                measure=measure,
                diverse=diverse,
                layer=None if layer == OBSERVATION else layer,
                progress=ProgressBar(bar, "looking at steps"),
            )
        finally:
            bar.empty()
    return found


def _reel(path: str, found: Highlights) -> None:
    with errors_in_a_box():
        for note in found.notes:
            st.caption(plain(note))
        source = reel_source()
        component = st.components.v2.component(
            "workbench_reel", html='<div class="rlw-reel-root"></div>', css=source.style, js=source.script
        )
        component(key="highlights.reel", data={"reel": cached_reel(path, stamp(path), found)})


def _moments(name: str, path: str, found: Highlights) -> None:
    from workbench.views.pages import pages

    st.subheader("The moments")
    with errors_in_a_box():
        for one, picture in zip(found.moments, cached_pictures(path, stamp(path), found), strict=True):
            with st.container(border=True):
                st.markdown(f"**{one.rank}.** {plain(moment_words(one, found))}")
                st.image(picture, width="stretch")
                st.page_link(
                    pages()["replay"],
                    label=f"Replay episode {one.episode} at step {one.step}",
                    icon=":material/play_circle:",
                    query_params={"recording": name, "episode": str(one.episode), "step": str(one.step)},
                )


def _evidence(found: Highlights) -> None:
    st.subheader("Beside other reels")
    st.image(png_bytes(comparison_figure(found), dots_per_inch=110))
    st.table(
        {
            "reel": [one.words for one in found.reels],
            "mean importance of its moments": [str(one.importance) for one in found.reels],
            "to the nearest step shown": [str(one.coverage) for one in found.reels],
            "less that of the highlights": [
                "" if one.less_covered is None else str(one.less_covered) for one in found.reels
            ],
            "between two moments": ["" if one.diversity is None else f"{one.diversity:.3g}" for one in found.reels],
        }
    )
    st.caption(
        plain(
            f"Any step: {found.any_step}. States are compared by {found.states}; distances are in units of that of two "
            f"random steps. Intervals are over episodes."
        )
    )


HOW_TO_READ = """
- **HIGHLIGHTS** (Amir and Amir 2018) takes the steps at which most hangs on the action: by the agent's own Q values,
  the best less the worst. Of actors without Q values it is the spread of their log-probabilities, which for a softmax
  policy is the same in other units; for continuous actions, the change of the critic's estimate.
- **No two alike** (HIGHLIGHTS-DIV): a moment takes the place of the one most similar to it, if it is more important.
  So less important ones stay where they are different.
- **The reel** plays a stretch around each moment, and stands still at it.
- **Beside other reels**: moments drawn at random, the first ones, and the other algorithm. *To the nearest step shown*
  says how far what the agent meets is from what the reel shows: less is more coverage. A reel of important moments need
  not cover more; that is a choice, and here is its price.
- Importance is what the agent says of itself. Where its critic is wrong, so is the reel.
"""
