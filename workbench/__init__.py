"""Record what goes on inside a reinforcement-learning agent while it acts, and find out why it acts so.

The public names are loaded where they are first used, so that importing the package is cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.errors import WorkbenchError
    from workbench.policies import load_policy, wrap_stable_baselines3
    from workbench.policies.types import Policy, PolicyOutput, Target
    from workbench.recording import Recorder, Recording, RecordingCallback, list_recordings, open_recording, record

_PLACES = {
    "Policy": "workbench.policies.types",
    "PolicyOutput": "workbench.policies.types",
    "Recorder": "workbench.recording.recorder",
    "Recording": "workbench.recording.reader",
    "RecordingCallback": "workbench.recording.callback",
    "Target": "workbench.policies.types",
    "WorkbenchError": "workbench.errors",
    "list_recordings": "workbench.recording.summary",
    "load_policy": "workbench.policies",
    "open_recording": "workbench.recording.reader",
    "record": "workbench.recording.rollout",
    "wrap_stable_baselines3": "workbench.policies",
}

__all__ = [
    "Policy",
    "PolicyOutput",
    "Recorder",
    "Recording",
    "RecordingCallback",
    "Target",
    "WorkbenchError",
    "list_recordings",
    "load_policy",
    "open_recording",
    "record",
    "wrap_stable_baselines3",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'workbench' has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
