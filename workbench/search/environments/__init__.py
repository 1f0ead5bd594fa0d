"""Search in gymnasium environments: snapshots that are tried before they are trusted, and one tree with chance."""

from workbench.search.environments.branches import KeptNodes
from workbench.search.environments.environment_search import (
    environment_actions,
    environment_settings,
    search_environment,
)
from workbench.search.environments.guiding import GuidingPolicy
from workbench.search.environments.played import EpisodeLog, PlayedEpisode
from workbench.search.environments.revisiting import Visit, environment_at, frame_at
from workbench.search.environments.rollouts import Rollout
from workbench.search.environments.snapshots import Snapshots, open_snapshots

__all__ = [
    "EpisodeLog",
    "GuidingPolicy",
    "KeptNodes",
    "PlayedEpisode",
    "Rollout",
    "Snapshots",
    "Visit",
    "environment_actions",
    "environment_at",
    "environment_settings",
    "frame_at",
    "open_snapshots",
    "search_environment",
]
