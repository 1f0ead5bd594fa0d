import streamlit as st

from workbench.views import caching
from workbench.views.addresses import find_recording
from workbench.views.atlas_features import features_part
from workbench.views.atlas_units import units_part

path = find_recording(st.query_params["recording"], [st.query_params["recording"]])
part = features_part if st.query_params["part"] == "features" else units_part
part(path, caching.cached_recording(path, caching.stamp(path)), st.query_params["layer"])
