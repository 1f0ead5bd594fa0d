import pytest

from tests.figures.example_recordings import record_example
from workbench import open_recording
from workbench.errors import WorkbenchError
from workbench.views.addresses import find_recording, resolve
from workbench.views.selection import Selection


@pytest.fixture(scope="module")
def recording(recorded):
    return open_recording(recorded / "cartpole.zarr")


def test_what_exists_is_shown_without_a_word(recording):
    place = resolve(recording, Selection(episode="1", step="4", layer="trunk.3"))
    assert (place.episode, place.step, place.layer, place.notices) == (1, 4, "trunk.3", ())


def test_an_address_that_names_nothing_opens_the_opening_episode_at_its_start(recording):
    place = resolve(recording, Selection(), opening=2)
    assert (place.episode, place.step, place.layer, place.notices) == (2, 0, "trunk.1", ())


def test_the_observation_after_the_last_action_has_the_address_that_follows(recording):
    length = recording.episode(1).length
    place = resolve(recording, Selection(episode="1", step=str(length)))
    assert (place.step, place.notices) == (length, ())


@pytest.mark.parametrize(("asked", "shown"), [("3", 2), ("99999999999999999999", 1), ("-1", 0), ("two", 1)])
def test_an_episode_that_does_not_exist_is_said_with_what_is_shown(recording, asked, shown):
    place = resolve(recording, Selection(episode=asked, step="4"), opening=1)
    assert (place.episode, place.step) == (shown, 0)
    (notice,) = place.notices
    assert asked in notice
    assert f"The recording has 3 episodes, 0 to 2; episode {shown} is shown instead, from its first step." in notice


@pytest.mark.parametrize("asked", ["123456", "-3", "x"])
def test_a_step_that_does_not_exist_is_said_with_what_is_shown(recording, asked):
    length = recording.episode(0).length
    place = resolve(recording, Selection(episode="0", step=asked))
    assert place.step == (length if asked == "123456" else 0)
    (notice,) = place.notices
    assert asked in notice
    assert f"{length} steps, 0 to {length - 1}, and {length} for what was observed after the last action" in notice
    assert f"step {place.step} is shown" in notice


def test_a_layer_that_does_not_exist_is_said_with_those_that_do(recording):
    place = resolve(recording, Selection(layer="no.such.layer"))
    assert place.layer == "trunk.1"
    (notice,) = place.notices
    assert (
        "'no.such.layer'. The layers are: trunk.0, trunk.1, trunk.2, trunk.3, action, value. trunk.1 is shown instead."
        in notice
    )


def test_an_episode_that_was_cut_off_has_no_observation_after_its_last_action(tmp_path):
    import workbench
    from tests.figures.example_recordings import ENVIRONMENTS, ExamplePolicy

    make = ENVIRONMENTS["vector"]
    cut = workbench.record(
        ExamplePolicy(make(), "vector"), make, steps=5, environments=1, out=tmp_path / "cut.zarr", deterministic=False
    )
    length = cut.episode(0).length
    assert not cut.episode(0).complete
    place = resolve(cut, Selection(step=str(length)))
    assert place.step == length - 1
    assert "after the last action" not in place.notices[0]


def test_a_recording_that_does_not_exist_is_an_error_that_names_those_that_do(root):
    record_example("vector", root / "there.zarr", episodes=1)
    assert find_recording("there.zarr", ["there.zarr"]).endswith("there.zarr")
    with pytest.raises(WorkbenchError, match=r"no recording 'gone.zarr'.*The recordings are: there.zarr"):
        find_recording("gone.zarr", ["there.zarr"])
    with pytest.raises(WorkbenchError, match=r"a, b, c, d, e, f, g, h and 2 more"):
        find_recording("gone.zarr", list("abcdefghij"))
