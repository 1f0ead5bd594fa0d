"""The part of a page that looks at a layer's single units."""

import numpy as np
import streamlit as st

from workbench.analyses.representation.examples import examples_at
from workbench.analyses.representation.tuning import Tuning
from workbench.analyses.representation.units import UnitReport
from workbench.analyses.representation.visualisation import Visualisation
from workbench.figures.units import (
    MOST_CURVES,
    most_selective,
    redundancy_figure,
    selectivity_figure,
    tuning_figure,
)
from workbench.figures.visualisation import visualisation_figure
from workbench.recording import Recording
from workbench.views.caching import stamp
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.features_caching import cached_picture, cached_units, cached_visualisation
from workbench.views.progress_bar import ProgressBar

OBJECTIVES = {"channel": "the whole channel (mean over its places)", "place": "the place in its middle"}


def units_part(path: str, recording: Recording, layer: str) -> None:
    """Draw the units of a layer: what they are tuned to, how redundant they are, what activates them most.

    Args:
        path: Of the recording.
        recording: The same, open.
        layer: One of its recorded layers.
    """
    with errors_in_a_box():
        bar = st.progress(0.0, "reading units")
        try:
            report, tunings = cached_units(path, stamp(path), layer, ProgressBar(bar, "units"))
        finally:
            bar.empty()
        _counts(report)
        here = ("units", path, stamp(path), layer)
        st.image(cached_picture((*here, "selectivity"), lambda: selectivity_figure(tunings)))
        _curves(here, layer, tunings)
        st.markdown("**Redundancy**")
        st.image(cached_picture((*here, "redundancy"), lambda: redundancy_figure(report)))
        st.caption(
            plain(
                f"How well all other units predict each one, linearly; {report.held_out_episodes} held-out episodes. "
                "Of channels at single places, not of their means. "
                + " ".join(f"{note[0].upper()}{note[1:]}." for note in report.notes)
            )
        )
        _visualisation(path, recording, layer, report)
        with st.expander("How to read units", icon=":material/help:"):
            st.markdown(HOW_TO_READ)


def _counts(report: UnitReport) -> None:
    what = "channels" if len(report.shape) == 3 else "units"
    saturated = (
        "its module has no bounds to be saturated at"
        if report.saturated is None
        else f"{int(report.is_saturated.sum())} are saturated (near a bound at 95 % of the samples or more)"
    )
    st.caption(
        plain(
            f"{len(report.mean)} {what} over {report.steps:,} steps of {report.episodes} episodes. "
            f"{int(report.dead.sum())} are dead (the same everywhere); {saturated}."
        )
    )


def _curves(here: tuple[object, ...], layer: str, tunings: tuple[Tuning, ...]) -> None:
    left, right = st.columns([1.4, 2])
    best = max(range(len(tunings)), key=lambda place: float(np.nanmax(np.nan_to_num(tunings[place].selectivity.mean))))
    names = [one.concept for one in tunings]
    concept = left.selectbox("Concept", names, index=best, key=f"units.concept.{layer}")
    tuning = tunings[names.index(concept)]
    usual = most_selective([tuning], min(8, MOST_CURVES))
    every = list(range(len(tuning.control)))
    units = right.multiselect(
        "Units", every, default=usual, max_selections=MOST_CURVES, key=f"units.units.{layer}.{concept}", wrap=True
    )
    if not units:
        st.info("Choose at least one unit.", icon=":material/info:")
        return
    st.image(cached_picture((*here, concept, *units), lambda: tuning_figure(tuning, units)))
    few = (
        f"about {int(np.median(tuning.class_steps)):,} in each bin"
        if tuning.is_number
        else ", ".join(f"{name} {count:,}" for name, count in zip(tuning.classes, tuning.class_steps, strict=True))
    )
    st.caption(
        plain(
            f"Mean activation with its 95 % interval over {tuning.episodes} episodes; steps: {few}. η²: share "
            f"of the unit's variance between the classes; chance: what 95 of 100 shuffles of the episodes stay below "
            f"with any concept."
        )
    )


def _visualisation(path: str, recording: Recording, layer: str, report: UnitReport) -> None:
    st.markdown("**What activates a unit most**")
    which, how, go = st.columns([1, 2, 1.4], vertical_alignment="bottom")
    is_map = len(report.shape) == 3
    unit = which.number_input("Channel" if is_map else "Unit", 0, report.shape[0] - 1, key=f"units.visualised.{layer}")
    objective = "channel"
    if is_map:
        objective = how.selectbox("Of it", OBJECTIVES, format_func=OBJECTIVES.__getitem__, key="units.objective")
    if not go.toggle("Make an input", key="units.visualise"):
        return
    bar = st.progress(0.0, "making an input")
    try:
        found = cached_visualisation(
            path, stamp(path), layer, int(unit), objective, ProgressBar(bar, "making an input")
        )
    finally:
        bar.empty()
    _shown((path, stamp(path)), recording, found)


def _shown(of: tuple[object, ...], recording: Recording, found: Visualisation) -> None:
    top = found.top
    names = recording.observation_names or ()
    key = (*of, found.layer, found.unit, found.objective, "visualisation")
    st.image(
        cached_picture(
            key,
            lambda: visualisation_figure(
                found, examples_at(recording, found.rows[top], found.recorded[top]), number_names=names
            ),
        )
    )
    restarts = ", ".join(f"{one:.3g}" for one in found.restarts)
    st.caption(
        plain(
            f"The made input {found.verdict} ({len(found.recorded):,}). {len(found.restarts)} restarts reach "
            f"{restarts}. " + " ".join(f"{note[0].upper()}{note[1:]}." for note in found.notes)
        )
    )


HOW_TO_READ = """
- **Selectivity** η² is the share of a unit's variance that lies between a concept's classes (of a number: bins of as
  many steps). It is above 0 by chance too, so it stands beside what the concepts reach when each episode gets another
  episode's. What follows from the time in the episode alone is left in that control.
- **Redundancy** is the R² of a unit from all others. 1: the others say it all; 0: nothing of it.
- **A made input** shows what a unit would like most, which may be nothing that the agent ever sees: it stands beside
  the recorded observations that activate it most, and beside what noise reaches.
"""
