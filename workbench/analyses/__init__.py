"""What can be computed from a recording: one file a capability, each a function that gives a frozen result."""

from workbench.analyses.distributions import ActionDistribution, action_distribution
from workbench.analyses.episode import EpisodeSummary, summarise_episode
from workbench.analyses.moments import Moment, MomentKind
from workbench.analyses.recorded import recorded_distribution, summarise_recorded_episode

__all__ = [
    "ActionDistribution",
    "EpisodeSummary",
    "Moment",
    "MomentKind",
    "action_distribution",
    "recorded_distribution",
    "summarise_episode",
    "summarise_recorded_episode",
]
