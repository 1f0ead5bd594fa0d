"""The recording that goes on: its progress bar and its cancel button, which survive a change of page."""

import streamlit as st

from workbench.views.background import RecordingJob, RecordingQueue
from workbench.views.errors import plain
from workbench.views.root import name_below_root


@st.cache_resource(show_spinner=False)
def recording_queue() -> RecordingQueue:
    """The one queue of this server, seen by all its pages and sessions."""
    return RecordingQueue()


def recording_progress() -> None:
    """Draw the state of the last recording that was started here, if any."""
    queue = recording_queue()
    if queue.job is None:
        return
    if queue.job.running:
        _live(queue.job)
        return
    job, name = queue.job, plain(name_below_root(queue.job.asked.out))
    with st.container(horizontal=True, vertical_alignment="center"):
        if job.error is not None:
            st.error(f"Recording **{name}** failed. {plain(job.error)}")
        elif job.cancelled:
            st.info(f"Recording **{name}** was cancelled; all steps until then are kept and can be opened.")
        else:
            st.success(f"Recorded **{name}**: {job.done} of {job.total} episodes.")
        st.button("Dismiss", key="recording.dismiss", on_click=_dismiss)


def _dismiss() -> None:
    recording_queue().job = None


@st.fragment(run_every=0.5)
def _live(job: RecordingJob) -> None:
    if not job.running:
        st.rerun()
    share = min(1.0, job.done / max(1, job.total))
    name = plain(name_below_root(job.asked.out))
    waiting = "cancelling … " if job.cancelling else ""
    note = f", {plain(job.message)}" if job.message else ""
    st.progress(share, text=f"{waiting}Recording **{name}**: {job.done} of {job.total} episodes{note}")
    st.button("Cancel", key="recording.cancel", on_click=job.cancel, disabled=job.cancelling, icon=":material/stop:")
