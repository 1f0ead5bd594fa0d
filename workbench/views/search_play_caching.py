"""What the part of the page on which one plays keeps between reruns: the recorded network, as a search asks it."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import streamlit as st

from workbench.errors import WorkbenchError
from workbench.policies.types import Policy
from workbench.search import SearchSettings, SearchTrace, UniformEvaluator, choose_action, search, with_choice
from workbench.search.evaluators import Evaluator
from workbench.search.games import Game
from workbench.search.packing import read_settings
from workbench.search.policy import SearchPolicy
from workbench.search.policy_evaluators import PolicyEvaluator
from workbench.views.caching import cached_recording
from workbench.views.saliency_caching import cached_policy

MOST_SIMULATIONS = 5_000


@dataclass(frozen=True, kw_only=True)
class Adviser:
    """What tells a search priors and values."""

    evaluator: Evaluator
    words: str
    policy: Policy | None = None
    """The recorded network; None where it is not at hand."""
    why_not: str = ""
    """Why it is not the recorded network, where it is not."""


@st.cache_resource(max_entries=4, show_spinner="Building the agent")
def cached_adviser(path: str, stamp: int | str, actions: int) -> Adviser:
    """The recorded network; where that is not at hand, one that knows nothing."""
    try:
        network = searching_network(path, stamp)
        return Adviser(evaluator=PolicyEvaluator(network), words=network.name, policy=network)
    except WorkbenchError as error:
        return Adviser(evaluator=UniformEvaluator(actions), words="no network", why_not=str(error))


def searching_network(path: str, stamp: int | str) -> Policy:
    """The recorded agent without its search: whom the search asked.

    Raises:
        WorkbenchError: It is not in the recording, or cannot be built.
    """
    policy = cached_policy(path, stamp)
    return policy.policy if isinstance(policy, SearchPolicy) else policy


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
