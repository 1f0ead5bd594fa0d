from types import SimpleNamespace

import numpy as np
import pytest

from tests.figures.example_recordings import ENVIRONMENTS
from workbench.analyses import summarise_recorded_episode
from workbench.analyses.intervals import Estimate
from workbench.analyses.intervention import Visits
from workbench.figures.activations import layer_figure
from workbench.figures.episode import action_figure, episode_timeline
from workbench.figures.png import png_bytes
from workbench.figures.saliency_film import film_figure
from workbench.figures.step import step_figure
from workbench.figures.style import colour_scale
from workbench.figures.what_if import before_and_after, sweep_figure, visits_figure
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


def test_a_film_adds_up_each_observation():
    numbers = np.random.default_rng(0).normal(size=(5, 3))
    figure = film_figure(numbers, signed=True, unit="nats", names=["a", "b", "c"])
    heights = [bar.get_height() for axis in figure.axes for bar in axis.patches]
    np.testing.assert_allclose(heights, numbers.sum(axis=1))
    images = np.random.default_rng(1).normal(size=(4, 8, 8))
    seen = [np.full((8, 8), 40 * place, np.uint8) for place in range(4)]
    figure = film_figure(images, signed=False, unit="", pictures=seen)
    heights = [bar.get_height() for axis in figure.axes for bar in axis.patches]
    np.testing.assert_allclose(heights, np.abs(images).sum(axis=(1, 2)))
    assert [axis.get_title() for axis in figure.axes[:4]] == ["−3", "−2", "−1", "now"]


def test_several_scales_stand_beside_random_vectors():
    estimate = Estimate(mean=1.0, low=0.5, high=1.5, steps=20, episodes=6)
    effects = [
        SimpleNamespace(effect=estimate, size=estimate, controls=np.full((20, 4), 0.2), unit="nats", target="value")
    ] * 3
    figure = sweep_figure(effects, (2.0, -1.0, 0.5))
    line = figure.axes[0].get_lines()[0]
    np.testing.assert_array_equal(line.get_xdata(), [-1.0, 0.5, 2.0])
    assert [text.get_text() for text in figure.axes[1].get_legend().get_texts()] == [
        "random vectors, middle 90 %",
        "this direction",
    ]


def test_visits_share_a_scale_and_their_difference_is_centred():
    without, with_change = np.array([[0.5, 0.0], [0.5, 0.0]]), np.array([[0.0, 0.9], [0.1, 0.0]])
    walls = np.array([[False, False], [False, True]])
    figure = visits_figure(Visits(label="mouse", without=without, with_change=with_change, walls=walls))
    images = [axis.images[0] for axis in figure.axes if axis.images and axis.get_label() != "<colorbar>"]
    assert images[0].get_clim() == images[1].get_clim() == (0, 90)
    assert images[2].get_clim() == (-90, 90)
    np.testing.assert_allclose(images[2].get_array(), 100 * (with_change - without))
    # Colours go by the square root; a quarter of the largest share is half way.
    np.testing.assert_allclose(images[0].norm([0, 22.5, 90]), [0, 0.5, 1])
    np.testing.assert_allclose(images[2].norm([-90, -22.5, 0, 90]), [0, 0.25, 0.5, 1])
    drawn = figure.axes[0].images[1].get_array()
    np.testing.assert_array_equal(np.ma.getmaskarray(drawn), ~walls)


def test_a_decision_stands_beside_its_log_odds():
    figure = before_and_after(
        [1.0, 0.0], [0.999, 0.001], names=["a", "b"], account="probability", beside=([9.0, -9.0], [7.0, -7.0])
    )
    assert [axis.get_xlabel() for axis in figure.axes] == ["probability", "log-odds [nats]"]
    assert [bar.get_width() for bar in figure.axes[1].patches] == [9, -9, 7, -7]
    done = before_and_after([3.6], [1.0], names=["torque"], account="mean", beside=([2.0], [1.0]))
    assert [axis.get_xlabel() for axis in done.axes] == ["mean, before squashing or clipping", "as it is done"]
