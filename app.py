"""The dashboard with the checkout's own agents: `streamlit run app.py`, or `make demo`."""

from workbench.views.navigation import run

run()
