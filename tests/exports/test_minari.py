import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from workbench.errors import WorkbenchError
from workbench.exports import export, import_minari
from workbench.recording.space_descriptions import describe_space, read_space

minari = pytest.importorskip("minari")
pytest.importorskip("h5py")


@pytest.mark.parametrize("name", ["cart_pole", "grid", "dictionary"])
def test_round_trip_through_minari_gives_equal_arrays(name: str, recordings: SimpleNamespace, tmp_path: Path) -> None:
    original = getattr(recordings, name)
    folder = export(original, "minari", tmp_path / f"{name}-v0")
    again = import_minari(folder, tmp_path / "again.zarr")
    assert again.number_of_episodes == original.number_of_episodes
    assert again.complete
    assert not again.activations
    columns = [column for column in again.steps if column != "slot"]
    assert {"action", "reward", "terminated", "truncated"} <= set(columns)
    assert {c for c in original.steps if c.startswith(("observation", "truth"))} <= set(columns)
    for k in range(original.number_of_episodes):
        before, after = original.episode(k), again.episode(k)
        assert (before.seed, before.terminated, before.truncated) == (after.seed, after.terminated, after.truncated)
        assert before.total_reward == pytest.approx(after.total_reward, abs=1e-12)
        for column in columns:
            assert before.column(column).dtype == after.column(column).dtype, column
            np.testing.assert_array_equal(before.column(column), after.column(column), err_msg=column)
        for key in ("picture", "place") if name == "dictionary" else (None,):
            np.testing.assert_array_equal(before.observations(key), after.observations(key))


def test_minari_itself_reads_the_export(
    recordings: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = recordings.cart_pole
    export(recording, "minari", tmp_path / "cartpole" / "tiny-v0", dataset_id="cartpole/tiny-v0")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    dataset = minari.load_dataset("cartpole/tiny-v0")
    assert dataset.total_episodes == 3
    assert dataset.total_steps == len(recording)
    for number, episode in enumerate(dataset.iterate_episodes()):
        assert len(episode.observations) == len(episode) + 1
        assert (episode.terminations[-1], episode.truncations[-1]) == (True, False)
        np.testing.assert_array_equal(episode.infos["policy"]["value"], recording.episode(number).column("value"))
        for observation in episode.observations:
            assert observation in dataset.observation_space
    facts = json.loads((tmp_path / "cartpole" / "tiny-v0" / "data" / "metadata.json").read_text())
    assert facts["rl_workbench"]["fingerprint"] == recording.summary()["fingerprint"]
    assert str(tmp_path) not in json.dumps(facts)
    again = import_minari("cartpole/tiny-v0", tmp_path / "again.zarr")
    assert len(again) == len(recording)


def test_a_dataset_that_minari_collected_replays_by_its_name_and_seed(tmp_path: Path) -> None:
    from minari.data_collector import EpisodeBuffer
    from minari.dataset.minari_storage import MinariStorage

    env = gymnasium.make("CartPole-v1")
    observations, actions, rewards, terminations = [env.reset(seed=11)[0]], [], [], []
    while not terminations or not terminations[-1]:
        actions.append(len(actions) % 2)
        observation, reward, terminated, _, _ = env.step(actions[-1])
        observations.append(observation)
        rewards.append(reward)
        terminations.append(terminated)
    storage = MinariStorage.new(tmp_path / "data", env_spec=env.spec)
    storage.update_metadata({"dataset_id": "collected-v0", "minari_version": minari.__version__})
    storage.update_episodes(
        [
            EpisodeBuffer(
                seed=11,
                observations=observations,
                actions=actions,
                rewards=rewards,
                terminations=terminations,
                truncations=[False] * len(actions),
            )
        ]
    )
    recording = import_minari(minari.MinariDataset(tmp_path / "data"), tmp_path / "imported.zarr")
    assert recording.attributes["environment"]["id"] == "CartPole-v1"
    assert recording.replay(len(recording) - 1).exact


def test_only_finished_episodes_are_exported(recordings: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="no finished episode"):
        export(recordings.unfinished, "minari", tmp_path / "unfinished-v0")
    assert not list(tmp_path.iterdir())


def test_names_that_minari_does_not_take(recordings: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="cartpole-ppo-v0"):
        export(recordings.grid, "minari", tmp_path / "a b")
    folder = export(recordings.grid, "minari", tmp_path / "plain")
    assert minari.MinariDataset(folder / "data").id == "plain-v0"


def test_there_is_no_such_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    with pytest.raises(WorkbenchError, match="no Minari dataset 'nobody/nothing-v0'"):
        import_minari("nobody/nothing-v0", tmp_path / "x.zarr")
    assert not (tmp_path / "x.zarr").exists()


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(0, 255, (84, 84, 4), np.uint8),
        spaces.Box(-np.inf, np.inf, (3,), np.float32),
        spaces.Box(np.array([-4.8, -np.inf, 0], np.float32), np.array([4.8, np.inf, 1], np.float32)),
        spaces.Discrete(5, start=-1),
        spaces.MultiDiscrete([3, 2]),
        spaces.MultiBinary(4),
        spaces.Dict({"a": spaces.Discrete(2), "b": spaces.Dict({"c": spaces.Box(-1, 1, (2, 2), np.float64)})}),
    ],
    ids=str,
)
def test_a_space_comes_back_from_its_description(space: spaces.Space[Any]) -> None:
    assert read_space(json.loads(json.dumps(describe_space(space)))) == space
