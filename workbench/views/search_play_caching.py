"""What the part of the page on which one plays keeps between reruns: the recorded network, as a search asks it."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import streamlit as st

from workbench.errors import WorkbenchError
from workbench.policies.types import Policy
from workbench.recording.spaces_only import environment_or_spaces
from workbench.search import SearchSettings, SearchTrace, UniformEvaluator, choose_action, search, with_choice
from workbench.search.edited import EditedEvaluator, key_of
from workbench.search.evaluators import Evaluator
from workbench.search.games import Game, observe
from workbench.search.packing import read_settings
from workbench.search.policy import PolicyEvaluator, SearchPolicy
from workbench.views.caching import cached_recording

MOST_SIMULATIONS = 5_000


@dataclass(frozen=True, kw_only=True)
class Adviser:
    """What tells a search priors and values."""

    evaluator: Evaluator
    words: str
    why_not: str = ""
    """Why it is not the recorded network, where it is not."""


@st.cache_resource(max_entries=4, show_spinner="Building the agent")
def cached_adviser(path: str, stamp: int | str, actions: int) -> Adviser:
    """The recorded network; where that is not at hand, one that knows nothing."""
    recording = cached_recording(path, stamp)
    try:
        policy: Policy = recording.policy(environment_or_spaces(recording))
        inner = policy.policy if isinstance(policy, SearchPolicy) else policy
        return Adviser(evaluator=PolicyEvaluator(inner), words=inner.name)
    except WorkbenchError as error:
        return Adviser(evaluator=UniformEvaluator(actions), words="no network", why_not=str(error))


def recorded_settings(path: str, stamp: int | str) -> SearchSettings:
    """How the recorded agent searches, without the noise of its training."""
    facts = cached_recording(path, stamp).attributes.get("search") or {}
    try:
        return replace(read_settings(facts), noise=0.0)
    except WorkbenchError:
        return SearchSettings(simulations=200)


def think(
    game: Game, position: npt.NDArray[np.uint64], adviser: Adviser, settings: SearchSettings, *, seed: int = 0
) -> SearchTrace:
    """Search one position, and choose."""
    trace = search(game, position[None], adviser.evaluator, settings, seed=seed)[0]
    return with_choice(trace, choose_action(trace))


def edited(
    game: Game,
    adviser: Adviser,
    *,
    root: npt.NDArray[np.uint64],
    priors: npt.NDArray[np.float64] | None,
    node: npt.NDArray[np.uint64] | None = None,
    value: float = 0.0,
) -> Adviser:
    """The same adviser, made to say something else of the root or of another position.

    Args:
        game: Whose positions.
        adviser: Who is asked otherwise.
        root: `[W]`
        priors: `[A]` of the root, 0 or more and not all 0; None: as they are.
        node: `[W]`, whose value is another.
        value: That, for the player to move there.

    Raises:
        WorkbenchError: The priors are no such numbers.
    """
    logits, values = {}, {}
    if priors is not None:
        if not np.isfinite(priors).all() or (priors < 0).any() or priors.sum() <= 0:
            raise WorkbenchError("Priors are numbers from 0 on, and at least one of them is above 0.")
        with np.errstate(divide="ignore"):
            logits[key_of(observe(game, root[None])[0])] = np.log(priors / priors.sum()).astype(np.float32)
    if node is not None:
        values[key_of(observe(game, node[None])[0])] = value
    return replace(
        adviser,
        evaluator=EditedEvaluator(evaluate=adviser.evaluator, logits=logits, values=values),
        words=f"{adviser.words}, edited",
    )
