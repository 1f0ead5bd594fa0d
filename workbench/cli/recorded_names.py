"""What a recording has of the names on a command line, looked up before anything heavy is imported or computed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.analyses.concepts import Concept
    from workbench.recording import Recording


def check_layers(recording: "Recording", names: Sequence[str]) -> None:
    """Make sure that these layers were recorded.

    Raises:
        WorkbenchError: One was not; it says which there are.
    """
    for name in names:
        if name not in recording.activations:
            there = ", ".join(recording.activations) or "none"
            raise WorkbenchError(f"The layer {name!r} was not recorded in {recording.path}; its layers are: {there}.")


def read_concepts(recording: "Recording", names: Sequence[str]) -> "list[Concept]":
    """The concepts of these names; what an analysis is given, so that none is worked out twice.

    Raises:
        WorkbenchError: One cannot be had.
    """
    from workbench.analyses.concepts import read_concept

    return [read_concept(recording, name) for name in names]
