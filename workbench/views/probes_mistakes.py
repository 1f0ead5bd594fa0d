"""The steps that a probe gets wrong, as a list with links to the replay."""

from urllib.parse import urlencode

import streamlit as st

from workbench.analyses.probing import Mistakes, ProbeResult
from workbench.views.errors import plain
from workbench.views.probes_caching import cached_mistakes
from workbench.views.root import name_below_root
from workbench.views.stoppable import stoppable


def list_mistakes(path: str, stamp: int | str, one: ProbeResult) -> None:
    """Draw the list, where it is asked for."""
    if one.tally.is_code:
        return
    if not st.toggle(
        "List the steps that it gets wrong",
        key="probes.mistakes",
        help="The probe is made again, and decides the episodes that it was not made from.",
    ):
        return
    with stoppable("looking for mistakes", "probes.mistakes") as progress:
        found = cached_mistakes(path, stamp, one, progress)
    if not found.found:
        st.caption(f"None of {found.steps:,} steps of episodes that it was not made from.")
        return
    number = one.classes is None
    told = (
        f"The {len(found.found)} of {found.steps:,} steps that it reads farthest off"
        if number
        else f"{found.wrong:,} of {found.steps:,} steps are decided wrongly; the {len(found.found)} it is surest of"
    )
    st.caption(f"{told}, in episodes that it was not made from.")
    st.markdown(mistakes_table(name_below_root(path), one, found))


def mistakes_table(recording: str, one: ProbeResult, found: Mistakes) -> str:
    """The list as a table of Markdown; each step is a link to its replay."""
    sure = "off by (standard deviations)" if one.classes is None else "how sure (classes alike before)"
    lines = [f"| step | true | the probe says | {sure} |", "|---|---|---|---|"]
    for mistake in found.found:
        query = urlencode({"recording": recording, "episode": mistake.episode, "step": mistake.t, "layer": one.layer})
        shown = f"{mistake.confidence:.2f}" if one.classes is None else f"{mistake.confidence:.0%}"
        lines.append(
            f"| [episode {mistake.episode}, step {mistake.t}](replay?{query}) | {plain(mistake.true)} "
            f"| {plain(mistake.said)} | {shown} |"
        )
    return "\n".join(lines)
