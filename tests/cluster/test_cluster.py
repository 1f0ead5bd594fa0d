"""Recording on several processes: whoever records what, the recording is the same, and nothing is there twice."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client, LocalCluster
from stable_baselines3 import PPO

from tests.cluster.workers import BurningCounter, SlowCounter, same, uncounted, workers
from tests.recording.toy import Counter, ToyPolicy
from workbench.errors import WorkbenchError
from workbench.progress import Cancelled
from workbench.recording import Recording, open_recording, record


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with workers(2) as client:
        yield client


def record_toys(client: Client, out: Path) -> Recording:
    return record(
        ToyPolicy(recurrent=True), Counter, out=out, episodes=29, seed=40, environments=3, deterministic=False,
        client=client,
    )  # fmt: skip


@pytest.fixture(scope="module")
def recorded(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record_toys(client, tmp_path_factory.mktemp("cluster") / "x.zarr")


def test_one_worker_makes_the_recording_of_two(recorded: Recording, tmp_path: Path) -> None:
    with workers(1) as alone:
        made = record_toys(alone, tmp_path / "alone.zarr")
    assert (made.number_of_episodes, made.complete, made.ended) == (29, True, "finished")
    same(made, recorded)
    assert made.summary()["fingerprint"] == recorded.summary()["fingerprint"]


@pytest.mark.torture
def test_any_number_of_workers_makes_the_same_recording(client: Client, tmp_path: Path, checkout: Path) -> None:
    agent = f"ppo:{checkout / 'agents/cartpole/weights.zip'}"
    made = []
    with workers(1) as alone:
        for number, some in enumerate((alone, client)):
            out = tmp_path / f"{number}.zarr"
            made.append(
                record(agent, "CartPole-v1", out=out, episodes=14, seed=3, environments=4, deterministic=False,
                       client=some)
            )  # fmt: skip
    assert made[0].number_of_episodes == 14
    assert made[0].complete
    assert made[0].ended == "finished"
    for other in made[1:]:
        same(made[0], other)
    assert made[0].replay(len(made[0]) - 1).exact
    assert made[0].policy().spec == agent
    assert made[0].summary()["fingerprint"] == made[1].summary()["fingerprint"]


def test_episodes_are_those_of_one_process(recorded: Recording, tmp_path: Path) -> None:
    """Bit for bit but for the network's outputs, whose last bits depend on which rows are computed together."""
    alone = record(
        ToyPolicy(recurrent=True), Counter, out=tmp_path / "x.zarr", episodes=29, seed=40, environments=3,
        deterministic=False,
    )  # fmt: skip
    assert recorded.episodes["seed"].tolist() == list(range(40, 69))
    for number in range(29):
        ours, theirs = recorded.episode(number), alone.episode(number)
        np.testing.assert_array_equal(ours.observations(), theirs.observations())
        for name in ("action", "reward", "t", "episode", "terminated", "truth/pair"):
            np.testing.assert_array_equal(ours.column(name), theirs.column(name))
        for layer in recorded.activations:
            np.testing.assert_allclose(ours.activations(layer), theirs.activations(layer), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(ours.state("sum"), theirs.state("sum"))


@pytest.mark.parametrize(
    "key",
    [0, -1, 57, slice(None), slice(3, 90, 7), slice(100, 2, -9), slice(40, 40), [5, 99, 5, 0], np.array([-1, 30])],
    ids=str,
)
def test_rows_of_many_parts_are_indexed_as_numpys(recorded: Recording, key: Any) -> None:
    for array in (recorded.steps["observation"], recorded.steps["episode"]):
        whole = np.concatenate([block for _, block in array.blocks(1)])
        assert len(whole) == len(recorded) == recorded.episodes["length"].sum()
        np.testing.assert_array_equal(array[key], whole[key])
    mask = recorded.steps["t"][:] == 0
    assert len(recorded.steps["episode"][mask]) == 29


def test_plain_zarr_reads_it_part_after_part(recorded: Recording) -> None:
    import zarr

    root = zarr.open_group(recorded.path, mode="r")
    parts = [root[part["path"]] for part in root.attrs["parts"]]
    assert len(parts) == 10
    for name in ("observation", "episode", "truth/pair"):
        joined = np.concatenate([np.asarray(part[f"steps/{name}"]) for part in parts])
        np.testing.assert_array_equal(joined, recorded.steps[name][:])
    part = open_recording(f"{recorded.path}/{root.attrs['parts'][3]['path']}")
    assert part.episodes["id"].tolist() == [9, 10, 11]
    np.testing.assert_array_equal(part.episode(1).observations(), recorded.episode(10).observations())
    assert recorded.to_xarray()["steps/value"].shape == (len(recorded),)


@pytest.mark.torture
def test_a_worker_that_dies_has_its_episodes_done_again(tmp_path: Path) -> None:
    reference = record(
        ToyPolicy(), Counter, out=tmp_path / "undisturbed.zarr", episodes=24, environments=1, seed=7
    )  # fmt: skip
    out = tmp_path / "x.zarr"
    with workers(2) as client:
        victim = next(iter(client.run(os.getpid).values()))
        killed: list[float] = []

        def kill() -> None:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                # In the middle: some parts are there, and the victim is at another.
                if (out / "parts").is_dir() and len(list((out / "parts").iterdir())) > 6:
                    os.kill(victim, signal.SIGKILL)
                    killed.append(time.monotonic())
                    return
                time.sleep(0.01)

        killer = threading.Thread(target=kill)
        killer.start()
        recording = record(ToyPolicy(), SlowCounter, out=out, episodes=24, environments=1, seed=7, client=client)
        finished = time.monotonic()
        killer.join()
        assert killed
        assert killed[0] < finished
        assert victim not in client.run(os.getpid).values()
    assert recording.complete
    assert recording.episodes["id"].tolist() == list(range(24))
    assert len(recording) == len(reference)
    for number in range(24):
        ours, theirs = recording.episode(number), reference.episode(number)
        np.testing.assert_array_equal(ours.observations(), theirs.observations())
        assert ours.activations("first").tobytes() == theirs.activations("first").tobytes()
    assert uncounted(out) == set()


class Until:
    """Progress that raises when so many episodes are there."""

    def __init__(self, episodes: int, error: type[BaseException]) -> None:
        self.episodes = episodes
        self.error = error
        self.seen: list[int] = []
        self.closed = 0

    def update(self, done: int, total: int, message: str = "") -> None:
        assert total == 200
        self.seen.append(done)
        if done >= self.episodes:
            raise self.error

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(("error", "ended"), [(Cancelled, "cancelled"), (KeyboardInterrupt, "interrupted")])
def test_stopping_keeps_the_finished_parts(
    client: Client, tmp_path: Path, error: type[BaseException], ended: str
) -> None:
    out = tmp_path / "x.zarr"
    progress = Until(12, error)
    if error is Cancelled:
        record(ToyPolicy(), SlowCounter, out=out, episodes=200, environments=2, client=client, progress=progress)
    else:
        with pytest.raises(KeyboardInterrupt):
            record(ToyPolicy(), SlowCounter, out=out, episodes=200, environments=2, client=client, progress=progress)
    recording = open_recording(out)
    assert recording.ended == ended
    assert not recording.complete
    assert 12 <= recording.number_of_episodes < 200
    assert recording.episodes["complete"].all()
    assert len(recording.steps["reward"][:]) == len(recording) == recording.episodes["length"].sum()
    assert progress.seen == sorted(progress.seen)
    assert progress.closed == 1
    assert uncounted(out) == set()


@pytest.mark.torture
def test_a_killed_head_leaves_the_finished_parts(client: Client, tmp_path: Path, checkout: Path) -> None:
    out = tmp_path / "x.zarr"
    program = (
        "import sys\nfrom distributed import Client\nfrom tests.cluster.workers import SlowCounter\n"
        "from tests.recording.toy import ToyPolicy\nfrom workbench.recording import record\n"
        "with Client(sys.argv[1]) as client:\n"
        "    record(ToyPolicy(), SlowCounter, out=sys.argv[2], episodes=5000, environments=2, client=client)\n"
    )
    head = subprocess.Popen([sys.executable, "-c", program, client.scheduler.address, str(out)], cwd=checkout)
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        time.sleep(0.2)
        if (out / "zarr.json").is_file() and open_recording(out).number_of_steps > 20:
            break
    head.send_signal(signal.SIGKILL)
    head.wait()
    recording = open_recording(out)
    assert recording.ended == "cut short"
    assert len(recording) > 20
    assert recording.episodes["complete"].all()
    assert len(recording.activations["first"][:]) == recording.episodes["length"].sum()


def test_an_environment_that_raises(client: Client, tmp_path: Path) -> None:
    out = tmp_path / "x.zarr"
    with pytest.raises(WorkbenchError, match=r"Episodes 12 to 13 could not be recorded: .*the motor is on fire"):
        record(ToyPolicy(), BurningCounter, out=out, episodes=40, environments=2, client=client)
    recording = open_recording(out)
    assert recording.ended.startswith("failed: Episodes 12 to 13")
    assert 13 not in recording.episodes["seed"]
    assert recording.episodes["complete"].all()
    assert uncounted(out) == set()


def test_an_environment_that_the_workers_do_not_have(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_on_the_head.py").write_text(
        "import gymnasium\nfrom tests.recording.toy import Counter\n"
        "gymnasium.register('OnlyHere-v0', entry_point=Counter)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(WorkbenchError, match=r"could not be recorded.*OnlyHere-v0.*only_on_the_head"):
        record(
            ToyPolicy(), "only_on_the_head:OnlyHere-v0", out=tmp_path / "x.zarr", episodes=2, environments=2,
            client=client,
        )  # fmt: skip


@pytest.mark.torture
def test_a_live_algorithm_travels_inside_the_recording(client: Client, tmp_path: Path) -> None:
    """The workers build it from the file that the recording keeps: nobody pickles it, or needs its file."""
    agent = PPO("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8, seed=1, device="cpu")
    recording = record(agent, "CartPole-v1", out=tmp_path / "x.zarr", episodes=4, environments=4, client=client)
    assert recording.complete
    again = record(recording.policy(), "CartPole-v1", out=tmp_path / "y.zarr", episodes=4, environments=4)
    for number in range(4):
        np.testing.assert_array_equal(again.episode(number).observations(), recording.episode(number).observations())
    assert again.summary()["fingerprint"] == recording.summary()["fingerprint"]
    assert again.policy().act(np.zeros((1, 4), np.float32), deterministic=True).actions.shape == (1,)


def test_an_agent_that_does_not_pickle(client: Client, tmp_path: Path) -> None:
    policy = ToyPolicy()
    policy.lock = threading.Lock()  # type: ignore[attr-defined]
    with pytest.raises(
        WorkbenchError, match=r"cannot be sent to the workers, since it does not pickle .*Name it instead"
    ):
        record(policy, Counter, out=tmp_path / "x.zarr", episodes=2, client=client)


def test_one_environment_cannot_be_shared(client: Client, tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="cannot be on several workers"):
        record(ToyPolicy(), Counter(), out=tmp_path / "x.zarr", episodes=2, client=client)


def test_steps_are_not_spread(client: Client, tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="records whole episodes"):
        record(ToyPolicy(), Counter, out=tmp_path / "x.zarr", steps=20, client=client)


def test_what_is_there_is_not_replaced_unasked(client: Client, tmp_path: Path) -> None:
    out = tmp_path / "x.zarr"
    record(ToyPolicy(), Counter, out=out, episodes=4, client=client)
    with pytest.raises(WorkbenchError, match="exists already"):
        record(ToyPolicy(), Counter, out=out, episodes=2, client=client)
    assert record(ToyPolicy(), Counter, out=out, episodes=2, client=client, overwrite=True).number_of_episodes == 2


def test_a_closed_client(tmp_path: Path) -> None:
    with LocalCluster(n_workers=0, processes=True, dashboard_address=":0") as cluster, Client(cluster) as client:
        pass
    with pytest.raises(WorkbenchError, match="client is closed"):
        record(ToyPolicy(), Counter, out=tmp_path / "x.zarr", episodes=2, client=client)
    assert not (tmp_path / "x.zarr").exists()


def test_a_cluster_without_workers(tmp_path: Path) -> None:
    with (
        LocalCluster(n_workers=0, processes=True, dashboard_address=":0") as cluster,
        Client(cluster) as client,
        pytest.raises(WorkbenchError, match="no workers"),
    ):
        record(ToyPolicy(), Counter, out=tmp_path / "x.zarr", episodes=2, client=client)
    assert not (tmp_path / "x.zarr").exists()
