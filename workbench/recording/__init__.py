"""Recording what goes on inside an agent while it acts, and reading it back.

The public names are loaded where they are first used: whoever only reads a recording does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.recording.callback import RecordingCallback
    from workbench.recording.environments import EnvironmentSpecification, make_environment
    from workbench.recording.episodes import Episode
    from workbench.recording.labelled_environment import LabelledEnvironment
    from workbench.recording.late_labels import label_recording
    from workbench.recording.lazy import LazyArray, LazyArrays
    from workbench.recording.reader import Recording, open_recording
    from workbench.recording.recorder import Recorder
    from workbench.recording.replay import Replay
    from workbench.recording.rollout import record
    from workbench.recording.summary import BrokenRecording, find_recordings, list_recordings
    from workbench.recording.verification import Damage, Verification

_PLACES = {
    "BrokenRecording": "summary",
    "Damage": "verification",
    "EnvironmentSpecification": "environments",
    "Episode": "episodes",
    "LabelledEnvironment": "labelled_environment",
    "LazyArray": "lazy",
    "LazyArrays": "lazy",
    "Recorder": "recorder",
    "Recording": "reader",
    "RecordingCallback": "callback",
    "Replay": "replay",
    "Verification": "verification",
    "find_recordings": "summary",
    "label_recording": "late_labels",
    "list_recordings": "summary",
    "make_environment": "environments",
    "open_recording": "reader",
    "record": "rollout",
}

__all__ = [
    "BrokenRecording",
    "Damage",
    "EnvironmentSpecification",
    "Episode",
    "LabelledEnvironment",
    "LazyArray",
    "LazyArrays",
    "Recorder",
    "Recording",
    "RecordingCallback",
    "Replay",
    "Verification",
    "find_recordings",
    "label_recording",
    "list_recordings",
    "make_environment",
    "open_recording",
    "record",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'workbench.recording' has no attribute {name!r}")
    return getattr(import_module(f"workbench.recording.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
