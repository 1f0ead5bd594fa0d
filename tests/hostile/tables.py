"""Hostile recordings whose tables do not fit each other: each array is sound, and together they make no sense."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tests.hostile.tampering import Change, repeated, values


def _each(path: str, value: Any) -> Change:
    return values(path, lambda old: np.full_like(old, value))


TABLES: Mapping[str, Change] = {
    "lengths that are negative": _each("episodes/length", -5),
    "lengths beyond the steps": _each("episodes/length", 2**31 - 1),
    "lengths of nothing": _each("episodes/length", 0),
    "lengths that are fractions": values("episodes/length", lambda old: old + 0.5),
    "first steps beyond the end": _each("episodes/first_step", 2**62),
    "first steps that are negative": _each("episodes/first_step", -(2**62)),
    "ids that are all one": _each("episodes/id", 0),
    "ids that are negative": values("episodes/id", lambda old: -old - 1),
    "ids that no step has": values("episodes/id", lambda old: old + 1000),
    "ids that are huge": values("episodes/id", lambda old: old.astype(np.int64) + 2**62),
    "seeds that are huge": _each("episodes/seed", 2**63 - 1),
    "seeds that are negative": _each("episodes/seed", -(2**63)),
    "returns that are not numbers": _each("episodes/return", np.nan),
    "returns that are infinite": _each("episodes/return", np.inf),
    "two columns in one": values("episodes/length", lambda old: np.stack([old, old], 1)),
    "final observations of another shape": values("episodes/final_observation", lambda old: old[:, :1]),
    "final frames that are numbers": values("episodes/final_frame", lambda old: old[:, :2, :2].astype(np.float32)),
    "a missing column": repeated(lambda known: known.pop("episodes/length")),
    "a missing table": repeated(lambda known: [known.pop(path) for path in list(known) if path.startswith("episodes")]),
    "an episode a step": values("steps/episode", lambda old: np.arange(len(old), dtype=np.int32) * 7),
    "episodes that are negative": _each("steps/episode", -1),
    "episodes that are fractions": values("steps/episode", lambda old: old.astype(np.float32) + 0.5),
    "times that are negative": _each("steps/t", -(2**31)),
    "rewards that are not numbers": _each("steps/reward", np.nan),
    "rewards that are infinite": _each("steps/reward", np.inf),
    "rewards of two axes": values("steps/reward", lambda old: np.stack([old, old], 1)),
    "actions beyond the space": _each("steps/action", 10**9),
    "actions that are negative": _each("steps/action", -7),
    "actions that are fractions": values("steps/action", lambda old: old.astype(np.float32) + np.nan),
    "actions of two components": values("steps/action", lambda old: np.stack([old, old], 1)),
    "logits of another width": values("steps/logits", lambda old: np.concatenate([old, old, old], 1)),
    "logits of no width": values("steps/logits", lambda old: old[:, :1]),
    "logits of two axes": values("steps/logits", lambda old: np.stack([old, old], 1)),
    "logits of one axis": values("steps/logits", lambda old: old[:, 0]),
    "logits that are not numbers": _each("steps/logits", np.nan),
    "logits that are infinite": _each("steps/logits", np.inf),
    "logits that are truth values": values("steps/logits", lambda old: old > 0),
    "values of two axes": values("steps/value", lambda old: np.stack([old, old], 1)),
    "values that are not numbers": _each("steps/value", np.nan),
    "frames of one pixel": values("steps/frame", lambda old: old[:, :1, :1]),
    "frames of one axis": values("steps/frame", lambda old: old[:, 0, 0, 0]),
    "frames of five channels": values("steps/frame", lambda old: np.concatenate([old, old[..., :2]], -1)),
    "frames of fractions": values("steps/frame", lambda old: (old[:, :4, :4] / 255).astype(np.float64)),
    "frames of no pixels": values("steps/frame", lambda old: old[:, :0]),
    "observations of no axes": values("steps/observation", lambda old: old[:, 0]),
    "observations that are not numbers": _each("steps/observation", np.nan),
    "observations of nine axes": values("steps/observation", lambda old: old.reshape(len(old), 4, 1, 1, 1, 1, 1, 1, 1)),
    "slots that are negative": _each("steps/slot", -5),
}  # fmt: skip
"""Tables that do not fit each other."""
