"""A policy as arrows over the squares of a maze."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workbench.analyses.intervention.policy_fields import PolicyField
from workbench.figures.style import REWARD, VALUE, literal

ANOTHER = "#00805c"


def draw_field(axis: Axes, field: PolicyField, *, title: str = "") -> None:
    """Draw one field: an arrow a square, as long as the policy is sure of where to go."""
    axis.imshow(~field.walls, cmap="gray", vmin=-0.6, vmax=1, interpolation="nearest")
    arrows = field.arrows
    axis.quiver(
        field.squares[:, 1], field.squares[:, 0], arrows[:, 1], arrows[:, 0], color=VALUE, angles="xy",
        scale_units="xy", scale=1.15, width=0.006, pivot="mid",
    )  # fmt: skip
    for (name, (row, column)), colour in zip(field.places.items(), (REWARD, ANOTHER, "#7a7a7a"), strict=False):
        axis.plot(column, row, "o", color=colour, markersize=8, label=literal(name.replace("_", " ")))
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_title(literal(title), fontsize=10, loc="left")
    if field.places:
        axis.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(0, -0.01), ncols=3)


def fields_figure(before: PolicyField, after: PolicyField, *, titles: tuple[str, str]) -> Figure:
    """A field without and with a change, side by side."""
    figure = Figure(figsize=(10, 5.4), layout="constrained")
    for axis, field, title in zip(figure.subplots(1, 2), (before, after), titles, strict=True):
        draw_field(axis, field, title=title)
    return figure
