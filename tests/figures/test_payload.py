import base64
import json

import numpy as np
import pytest

from tests.figures.example_recordings import ENVIRONMENTS
from workbench.analyses import action_distribution, summarise_episode
from workbench.errors import WorkbenchError
from workbench.figures.player import episode_payload, player_source, window_steps
from workbench.figures.player.encoding import NON_FINITE_LEVEL, quantise
from workbench.figures.player.layers import describe_layer, layer_bytes_per_step
from workbench.figures.player.observations import describe_observation
from workbench.figures.player.payload import _timeline


def decode(encoded):
    return np.frombuffer(base64.b64decode(encoded["data"]), encoded["dtype"]).reshape(encoded["shape"])


@pytest.mark.parametrize("kind", ENVIRONMENTS)
def test_every_kind_of_agent_gives_plain_json_with_every_layer(example, kind):
    recording = example(kind)
    for layer in [None, *recording.layers]:
        payload = episode_payload(recording, 1, layer=layer)
        json.dumps(payload, allow_nan=False)
        episode = recording.episode(1)
        assert payload["window"] == {"start": 0, "stop": episode.length, "has_final": True}
        value = next(one for one in payload["readouts"] if one["label"] == "Value")
        np.testing.assert_allclose(decode(value["array"]), episode.column("value"), rtol=1e-6)


def test_the_entropy_comes_once_and_with_the_most_it_could_be(example):
    def entropies(kind):
        return [one for one in episode_payload(example(kind), 0)["readouts"] if one["label"] == "Entropy"]

    (discrete,), (continuous,) = entropies("maze"), entropies("continuous")
    assert (discrete["unit"], discrete["most"]) == ("nat", pytest.approx(np.log(4)))
    assert continuous["most"] is None
    assert entropies("q") == []


def test_the_last_position_is_that_of_the_observation_after_the_last_action(example):
    episode = episode_payload(example("vector"), 0, start=0, stop=2)["episode"]
    assert episode["last"] == episode["length"]


def test_observations_have_one_row_more_than_actions(example):
    payload = episode_payload(example("vector"), 0)
    length = payload["episode"]["length"]
    assert decode(payload["observations"][0]["array"]).shape == (length + 1, 4)
    assert decode(payload["actions"]["chosen"]).shape == (length, 1)
    assert payload["observations"][0]["names"][2] == "pole angle (rad)"


def test_a_window_holds_its_steps_and_the_timeline_all_of_them(example):
    recording = example("continuous")
    payload = episode_payload(recording, 0, layer="trunk.1", start=50, stop=80)
    assert payload["window"] == {"start": 50, "stop": 80, "has_final": False}
    assert decode(payload["layer"]["array"]).shape == (30, 32)
    reward = next(one for one in payload["timeline"]["series"] if one["key"] == "reward")
    assert decode(reward["low"]).shape == (200,)
    np.testing.assert_allclose(decode(reward["array"]), recording.episode(0).column("reward")[50:80])


def test_feature_maps_memory_truth_and_pictures(example):
    image = episode_payload(example("image"), 0, layer="trunk.0")
    assert image["layer"]["kind"] == "maps"
    assert decode(image["layer"]["array"]).shape == (30, 16, 11, 11)
    kinds = {label["name"]: label["kind"] for label in image["truth"]}
    assert kinds == {"on target": "bool", "spot column": "number", "on the left": "grid"}
    assert len(image["frames"]["urls"]) in (30, 31)
    assert image["frames"]["urls"][0].startswith("data:image/png;base64,")
    assert image["actions"]["components"][0]["names"] == ["left", "stay", "right"]
    state = episode_payload(example("recurrent"), 0)["state"]
    assert [(one["name"], one["kind"]) for one in state] == [("hidden", "vector")]


def test_quantised_levels_are_as_near_as_they_say():
    values = np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32)
    coded = quantise(values)
    back = coded["low"] + decode(coded["array"]) / 254 * (coded["high"] - coded["low"])
    assert np.abs(back - values).max() <= (coded["high"] - coded["low"]) / 508 + 1e-6
    assert coded["low"] == -coded["high"]
    assert quantise(np.abs(values))["low"] == 0


def test_what_is_not_finite_has_a_level_of_its_own():
    coded = quantise(np.array([[1.0, np.nan], [np.inf, 0.5]]))
    assert (decode(coded["array"]) == NON_FINITE_LEVEL).tolist() == [[False, True], [True, False]]
    assert (coded["high"], coded["non_finite"]) == (1.0, 2)


def test_large_layers_are_cut_down_and_say_so():
    values = np.zeros((3, 100, 70, 70), np.float32)
    values[1, 99] = 5
    described = describe_layer("conv", "Conv2d", values)
    assert decode(described["array"]).shape == (3, 64, 24, 24)
    assert 99 in described["units"]
    assert "100 maps of 70 × 70, shown: the 64 maps that vary most" in described["label"]
    assert "averaged over 3 × 3 cells" in described["label"]
    assert layer_bytes_per_step([100, 70, 70]) == 64 * 24 * 24


def test_pooling_averages_what_is_there():
    values = np.arange(40, dtype=np.float32).reshape(1, 1, 1, 40).repeat(40, 2)
    described = describe_layer("conv", "Conv2d", values)
    back = decode(described["array"]) / 254 * described["high"]
    np.testing.assert_allclose(back[0, 0, 0], np.arange(20) * 2 + 0.5, atol=0.1)


@pytest.mark.parametrize(
    ("shape", "dtype", "kind"),
    [
        ((4,), np.float32, "vector"),
        ((), np.int64, "vector"),
        ((128,), np.float32, "cells"),
        ((84, 84, 4), np.uint8, "image"),
        ((3, 64, 64), np.uint8, "image"),
        ((12, 40, 40), np.float32, "image"),
        ((7, 7, 3), np.uint8, "image"),
        ((5, 3), np.float32, "vector"),
    ],
)
def test_observations_of_every_shape_are_drawn(shape, dtype, kind):
    values = np.ones((6, *shape), dtype)
    described = describe_observation("key", values, None, maximum_pixels=10_000)
    assert described["kind"] == kind
    json.dumps(described, allow_nan=False)


def test_a_layer_that_is_not_there_is_an_error_that_names_those_that_are(example):
    with pytest.raises(WorkbenchError, match=r"no layer 'nope'.*trunk\.0"):
        episode_payload(example("vector"), 0, layer="nope")


def test_windows_are_bounded_by_bytes(example):
    assert window_steps(example("vector"), "trunk.1") == 1000
    assert 50 <= window_steps(example("image"), "trunk.0") < 1000


def test_a_very_long_episode_keeps_its_extremes_in_the_timeline():
    reward = np.zeros(10_001)
    reward[7_777] = 5
    summary = summarise_episode(reward=reward, distribution=action_distribution(np.zeros(10_001, int)))
    timeline = _timeline(summary, slice(0, 10))
    series = next(one for one in timeline["series"] if one["key"] == "reward")
    assert timeline["steps_per_bin"] == 3
    assert "the range over 3 steps" in timeline["label"]
    assert decode(series["high"]).shape == (3334,)
    assert decode(series["high"]).argmax() == 7_777 // 3
    assert decode(series["low"]).max() == 0


def test_the_script_can_stand_inside_a_page():
    source = player_source()
    assert "</script" not in source.script.lower()
    assert "innerHTML" not in source.script
    assert "globalThis.mountPlayer" in source.script
    assert "@import" not in source.style
