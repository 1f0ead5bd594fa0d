"""The page of maps: a layer as points to be clicked, and as clusters between which the agent goes."""

from collections.abc import Callable

import streamlit as st

from workbench.recording import Recording
from workbench.views.addresses import find_recording, resolve
from workbench.views.atlas_clusters import clusters_part
from workbench.views.atlas_features import features_part
from workbench.views.atlas_layers import layers_part
from workbench.views.atlas_map import map_part
from workbench.views.atlas_units import units_part
from workbench.views.caching import cached_listing, cached_recording, stamp
from workbench.views.choosing import choose_recording
from workbench.views.errors import errors_in_a_box, plain
from workbench.views.root import name_below_root
from workbench.views.selection import change_selection, read_selection

PARTS: dict[str, Callable[[str, Recording, str], None]] = {
    "Map": map_part,
    "Clusters": clusters_part,
    "Features": features_part,
    "Units": units_part,
    "Layers": layers_part,
}
"""What is shown of a layer, from its recording's path, the recording, and the layer."""


def page() -> None:
    """Draw the page."""
    with errors_in_a_box():
        names = [name_below_root(entry["path"]) for entry in cached_listing() if isinstance(entry, dict)]
        if not names:
            st.title("Atlas")
            st.info("There is nothing to map yet. Make a recording on the page *Recordings*.", icon=":material/info:")
            return
        left, middle, right = st.columns([2, 2, 1.6], vertical_alignment="bottom")
        choose_recording("atlas", left, names, read_selection().recording)
        path = find_recording(read_selection().recording or names[0], names)
        recording = cached_recording(path, stamp(path))
        if not recording.number_of_episodes:
            st.info("This recording holds no step: it ended before the first was committed.", icon=":material/info:")
            return
        if not recording.layers:
            st.info("No layer was recorded; record with layers to map them.", icon=":material/info:")
            return
        with middle:
            layer = _choose_layer(recording)
        with right:
            part = st.radio("Part", list(PARTS), key="atlas.part", horizontal=True)
        PARTS[part or "Map"](path, recording, layer)


def _choose_layer(recording: Recording) -> str:
    place = resolve(recording, read_selection())
    for notice in place.notices:
        if "layer" in notice:
            st.warning(plain(notice), icon=":material/link_off:")
    layers = recording.layers
    st.session_state["atlas.layer"] = place.layer

    def changed() -> None:
        change_selection(layer=st.session_state["atlas.layer"])

    def label(name: str) -> str:
        shape = " × ".join(map(str, layers[name]["shape"])) or "1"
        return f"{name} ({layers[name]['module'] or 'module'}, {shape})"

    layer: str = st.selectbox("Layer", list(layers), format_func=label, key="atlas.layer", on_change=changed)
    return layer
