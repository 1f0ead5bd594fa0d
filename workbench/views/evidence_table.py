"""The evidence for a map, as a table of a page."""

from collections.abc import Sequence

import streamlit as st

from workbench.figures.saliency_words import EvidenceRow
from workbench.views.errors import plain


def evidence_table(rows: Sequence[EvidenceRow]) -> None:
    """Draw what was measured, beside which control, and what it says."""
    st.table(
        {
            "evidence": [plain(row.what) for row in rows],
            "this map": [row.value for row in rows],
            "beside": [row.control for row in rows],
            "what it says": [row.says for row in rows],
        }
    )
