"""Figures as files."""

import io

from matplotlib.figure import Figure


def png_bytes(figure: Figure, *, dots_per_inch: int = 150) -> bytes:
    """The figure as a PNG file's bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dots_per_inch, bbox_inches="tight", facecolor="white")
    return buffer.getvalue()
