"""What is shown, as files: a picture of the step, a table of the episode, and the layer's activations."""

import csv
import io
from typing import Any

import numpy as np
import streamlit as st

from workbench.figures.png import png_bytes
from workbench.figures.step import step_figure
from workbench.printable import spreadsheet_text
from workbench.recording import Recording
from workbench.views.caching import cached_episode, stamp
from workbench.views.root import file_name
from workbench.views.step_view import step_view

_COLUMNS = ("action", "reward", "terminated", "truncated", "value", "logits", "mean", "log_std", "q_values")


def downloads(path: str, recording: Recording, episode: int, layer: str | None, step: int) -> None:
    """Draw the download buttons; a file is made only when its button is pressed."""
    base = f"{file_name(path)}-episode{episode}"

    def picture() -> bytes:
        summary = cached_episode(path, stamp(path), episode)
        return png_bytes(step_figure(step_view(recording, summary, episode, layer, step)))

    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            f"Step {step} (PNG)", picture, f"{base}-step{step}.png", "image/png", on_click="ignore", key="download.png"
        )
        st.download_button(
            "Episode, one row a step (CSV)",
            lambda: episode_table(recording, episode, cached_episode(path, stamp(path), episode)),
            f"{base}.csv",
            "text/csv",
            on_click="ignore",
            key="download.csv",
        )
        if layer is not None:
            st.download_button(
                "Activations of the layer (CSV)",
                lambda: layer_table(recording, episode, layer),
                f"{base}-{layer}.csv",
                "text/csv",
                on_click="ignore",
                key="download.layer",
            )
        st.caption("The address of this page leads to this very step: copy it to share it.")


def episode_table(recording: Recording, number: int, summary: Any) -> str:
    """An episode as CSV: one row a step, one column a number, exactly as recorded, with what was computed from it."""
    episode = recording.episode(number)
    names = [name for name in _COLUMNS if name in recording.steps]
    names += [n for n in recording.steps if n.startswith("truth/")]
    names += [n for n, a in recording.steps.items() if n.startswith("observation") and int(np.prod(a.shape[1:])) <= 256]
    columns: dict[str, Any] = {"step": np.arange(episode.length)}
    for name in names:
        columns |= _flat(name, episode.column(name))
    columns["return_to_go"] = summary.return_to_go
    computed = {
        "temporal_difference_error": summary.temporal_difference_error,
        "entropy_nat": summary.distribution.entropy,
        "log_probability_nat": summary.distribution.log_probability,
    }
    columns |= {name: values for name, values in computed.items() if values is not None}
    return _write(columns)


def layer_table(recording: Recording, number: int, layer: str) -> str:
    """A layer's activations over an episode as CSV: one row a step, one column a unit."""
    values = recording.episode(number).activations(layer)
    return _write({"step": np.arange(len(values))} | _flat("unit", values))


def _flat(name: str, values: Any) -> dict[str, Any]:
    if values.ndim == 1:
        return {name: values}
    indices = np.ndindex(*values.shape[1:])
    table = values.reshape(len(values), -1)
    return {f"{name}[{','.join(map(str, index))}]": table[:, i] for i, index in enumerate(indices)}


def _write(columns: dict[str, Any]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(map(spreadsheet_text, columns))
    writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
    return buffer.getvalue()
