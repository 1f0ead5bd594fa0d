"""The table on the page of recordings: its rows, and the component that sorts them in the browser."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import streamlit as st

from workbench.figures.recordings_table import table_source
from workbench.recording.mean_in_words import METHODS_IN_WORDS, interval_cell, mean_cell
from workbench.views.root import name_below_root
from workbench.views.short_facts import short_options

KEY = "recordings.table"
COLUMNS: tuple[dict[str, Any], ...] = (
    {"key": "name", "label": "Recording", "kind": "name"},
    {"key": "agent", "label": "Agent", "kind": "text"},
    {"key": "environment", "label": "Environment", "kind": "text", "hint": "Below it, its options and wrappers."},
    {"key": "mean", "label": "Mean return", "kind": "number", "hint": "Over complete episodes, in reward units."},
    {"key": "interval", "label": "95 % interval", "kind": "number", "hint": f"Of the mean. {METHODS_IN_WORDS}"},
    {"key": "n", "label": "n", "kind": "number", "hint": "Complete episodes: what the mean and its interval stand on."},
    {"key": "steps", "label": "Steps", "kind": "number"},
    {"key": "size", "label": "Size", "kind": "number", "narrow": False},
    {"key": "created", "label": "Created (UTC)", "kind": "number", "narrow": False},
)
"""The most important first; those with `narrow` False stand below the name where the page is narrow."""


def recordings_table(usable: Sequence[dict[str, Any]]) -> str | None:
    """Draw the table.

    Args:
        usable: Summaries of the recordings.

    Returns:
        The name of the recording that was clicked, or None.
    """
    source = table_source()
    component = st.components.v2.component(
        "workbench_recordings", html='<div class="rlw-recordings"></div>', css=source.style, js=source.script
    )
    rows = [_row(entry) for entry in usable]
    data = {"columns": list(COLUMNS), "rows": rows, "sort": {"key": "created", "down": True}}
    opened = component(key=KEY, data=data, on_open_change=lambda: None).open
    return opened if isinstance(opened, str) and any(row["name"] == opened for row in rows) else None


def _row(entry: dict[str, Any]) -> dict[str, Any]:
    name, agent = name_below_root(entry["path"]), str(entry["algorithm"] or "unknown")
    environment = str(entry["environment"] or "unknown")
    options = short_options(entry["environment_kwargs"], entry["wrappers"])
    complete, episodes = entry["complete_episodes"], entry["episodes"]
    size, created, interval = entry["bytes_on_disk"], str(entry["created"] or ""), entry["return_interval_95"]
    cells = {
        "name": _cell(name, name),
        "agent": _cell(agent, agent),
        "environment": _cell(environment, f"{environment} {options}", below=options),
        "mean": _cell(_minus(mean_cell(entry)), entry["mean_return"]),
        "interval": _cell(_minus(interval_cell(entry)), None if interval is None else interval[1] - interval[0]),
        "n": _cell(f"{complete:,}", complete, below="" if complete == episodes else f"of {episodes:,}"),
        "steps": _cell(f"{entry['steps']:,}", entry["steps"]),
        "size": _cell(f"{size / 1e6:,.1f} MB", size),
        "created": _cell(created[:16].replace("T", " ") or "unknown", created or None),
    }
    # `failed: …` tells at length what failed; the replay says it in full.
    badge = "" if entry["complete"] else str(entry["ended"]).partition(":")[0][:20]
    return {"name": name, "address": f"replay?recording={quote(name)}", "badge": badge, "cells": cells}


def _cell(text: str, sort: Any, *, below: str = "") -> dict[str, Any]:
    return {"text": text, "below": below, "sort": sort}


def _minus(text: str) -> str:
    return text.replace("-", "−")
