import numpy as np
import pytest

from tests.figures.example_recordings import ENVIRONMENTS
from workbench.analyses import summarise_recorded_episode
from workbench.figures.activations import layer_figure
from workbench.figures.episode import action_figure, episode_timeline
from workbench.figures.png import png_bytes
from workbench.figures.step import step_figure
from workbench.figures.style import colour_scale
from workbench.views.step_view import step_view


@pytest.mark.parametrize("kind", ENVIRONMENTS)
def test_a_step_of_every_kind_of_agent_is_a_png(example, kind):
    recording = example(kind)
    layer = list(recording.layers)[1]
    view = step_view(recording, summarise_recorded_episode(recording, 0), 0, layer, 5)
    assert png_bytes(step_figure(view), dots_per_inch=40)[:4] == b"\x89PNG"
    assert action_figure(view.summary.distribution, 5, view.action_names, view.taken).axes


def test_the_position_after_the_last_action_is_a_png_without_an_action(example):
    recording = example("image")
    length = recording.episode(0).length
    view = step_view(recording, summarise_recorded_episode(recording, 0), 0, "trunk.0", length)
    assert "after its last action (step 30)" in view.title
    assert (view.step, view.layer) == (length, None)
    assert (view.picture == recording.final_frame(0)).all()
    assert png_bytes(step_figure(view), dots_per_inch=40)[:4] == b"\x89PNG"


def test_the_timeline_has_units_and_a_cursor(example):
    figure = episode_timeline(summarise_recorded_episode(example("vector"), 0), step=3)
    labels = [axis.get_ylabel() for axis in figure.axes]
    assert labels == ["Value (reward)", "Reward a step", "Entropy (nat)"]
    assert figure.axes[-1].get_xlabel() == "step of the episode"
    assert any(list(line.get_xdata()) == [3, 3] for line in figure.axes[0].lines)


def test_a_continuous_action_is_drawn_between_its_bounds(example):
    recording = example("continuous")
    figure = step_figure(step_view(recording, summarise_recorded_episode(recording, 0), 0, None, 5))
    low, high = next(axis for axis in figure.axes if "Gaussian" in axis.get_xlabel()).get_xlim()
    assert low < -2
    assert high > 2


def test_signed_activations_have_a_scale_centred_at_zero():
    assert colour_scale(-1, 3) == {"cmap": "RdBu_r", "vmin": -3, "vmax": 3}
    assert colour_scale(0, 3) == {"cmap": "viridis", "vmin": 0.0, "vmax": 3}


@pytest.mark.parametrize("shape", [(5,), (300,), (6, 7, 7)])
def test_layers_of_every_shape_are_drawn(shape):
    assert layer_figure(np.ones(shape), low=0, high=1, title="layer").axes[0].get_title(loc="left") == "layer"
