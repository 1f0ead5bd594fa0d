"""Recording what goes on inside an agent while it acts, and reading it back."""

from workbench.recording.callback import RecordingCallback
from workbench.recording.environments import EnvironmentSpecification, make_environment
from workbench.recording.episodes import Episode
from workbench.recording.lazy import LazyArray, LazyArrays
from workbench.recording.reader import Recording, open_recording
from workbench.recording.recorder import Recorder
from workbench.recording.replay import Replay
from workbench.recording.rollout import record
from workbench.recording.summary import BrokenRecording, find_recordings, list_recordings
from workbench.recording.verification import Damage, Verification

__all__ = [
    "BrokenRecording",
    "Damage",
    "EnvironmentSpecification",
    "Episode",
    "LazyArray",
    "LazyArrays",
    "Recorder",
    "Recording",
    "RecordingCallback",
    "Replay",
    "Verification",
    "find_recordings",
    "list_recordings",
    "make_environment",
    "open_recording",
    "record",
]
