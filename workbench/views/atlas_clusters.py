"""The clusters of a layer."""

from workbench.recording import Recording


def clusters_part(path: str, recording: Recording, layer: str) -> None:
    """Draw the part of the page."""
