"""Which units carry what makes two steps differ, on the page "What if"."""

from typing import Any

import streamlit as st

from workbench.analyses.intervention import PatchSearch
from workbench.recording import Recording
from workbench.views.caching import stamp
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.progress_bar import ProgressBar
from workbench.views.what_if_caching import cached_search

STRONGEST = 15


@st.fragment
def search(path: str, recording: Recording, row: int, target: str) -> None:
    """Draw the part that patches every unit from another step.

    Args:
        path: Of the recording.
        recording: The recording.
        row: Of the step that is patched into.
        target: Name of the number that is to be moved; empty for that of the action taken.
    """
    with errors_in_a_box():
        st.subheader("Which units carry it", anchor=False)
        st.caption(
            "Every unit of every layer is patched from another step into this one, one at a time. The changes above "
            "are not held on."
        )
        one, other, switch = st.columns([1, 1, 3], vertical_alignment="bottom")
        last = max(0, recording.number_of_episodes - 1)
        number = int(one.number_input("From episode", 0, last, key="what_if.search.episode"))
        length = recording.episode(number).length
        time = int(other.number_input("Step", 0, max(0, length - 1), key="what_if.search.step"))
        donor = int(recording.episode(number).rows[time])
        if not switch.toggle("Patch every unit", key="what_if.search"):
            return
        if donor == row:
            st.info("That is this step: choose another one to patch from.", icon=":material/info:")
            return
        bar = st.progress(0.0, "patching")
        found = cached_search(path, stamp(path), row, donor, target, ProgressBar(bar, "patching", "layers"))
        bar.empty()
        _describe(found, f"step {time} of episode {number}")


def _describe(found: PatchSearch, source: str) -> None:
    unit = f" [{found.unit}]" if found.unit else ""
    st.markdown(plain(f"{found.target}{unit}: {_number(found.before)} here, {_number(found.at_donor)} at {source}."))
    strongest = found.strongest(STRONGEST)
    st.table(
        {
            "layer": [layer for layer, _, _ in strongest],
            "unit": [name for _, name, _ in strongest],
            f"change when patched{unit}": [_number(effect) for _, _, effect in strongest],
        }
    )
    count = sum(len(layer.units) for layer in found.layers)
    st.caption(
        plain(
            f"The strongest {len(strongest)} of {count:,} units of {len(found.layers)} layers; layers whose units do "
            f"the same, one by one, stand together. Exact for this pair of steps (n = 1): of others it says nothing."
        )
    )
    with st.expander("Whole layers, and how well a gradient would have told"):
        st.table(
            {
                "layer": [layer.layer for layer in found.layers],
                f"change when all of it is patched{unit}": [_number(layer.whole) for layer in found.layers],
                "rank correlation of attribution patching": [_correlation(layer) for layer in found.layers],
            }
        )
        for name, why in found.skipped.items():
            st.caption(plain(f"Not patched: {name}: {why}"))


def _correlation(layer: Any) -> str:
    rho = layer.correlation
    return "undecided" if rho != rho else f"{rho:.2f}".replace("-", "−")


def _number(number: float) -> str:
    return f"{number:.4g}".replace("-", "−")
