"""How often the storage is asked: what docs/object-storage.md says, held to."""

import itertools
import time
from collections import Counter as Count

import pytest

from tests.object_storage.conftest import BUCKET, Server
from tests.recording.toy import Counter, ToyPolicy
from workbench.recording import Recorder, Recording, open_recording, record
from workbench.views.caching import cached_listing


@pytest.fixture(scope="module")
def recording(server: Server) -> Recording:
    out = f"s3://{BUCKET}/requests/{time.time_ns()}/x.zarr"
    return record(ToyPolicy(), Counter, out=out, episodes=12, environments=4, frames=True)


def kinds(requests: list[str]) -> dict[str, int]:
    return dict(Count(request.partition(" ")[0] for request in requests))


def test_opening_is_one_request_and_a_value_of_a_step_another(server: Server, recording: Recording) -> None:
    server.requests()
    again = open_recording(recording.path)
    assert len(again.layers) == 5
    assert len(again.steps) > 10
    assert server.requests() == [f"GET /{recording.path.removeprefix('s3://')}/zarr.json"]
    again.steps["observation"][17]
    assert kinds(server.requests()) == {"GET": 1}
    again.activations["first"][[3, 18, 4]]
    assert kinds(server.requests()) == {"GET": 1}
    assert again.number_of_episodes == 12
    assert kinds(server.requests()) == {"GET": 9}
    again.episode(3)
    assert len(server.requests()) <= 1
    again.summary()
    assert [request.partition("&")[0] for request in server.requests()] == [f"GET /{BUCKET}?list-type=2"]


def test_a_commit_is_one_request_an_array_and_one(server: Server) -> None:
    root = f"PUT /{BUCKET}/requests/{time.time_ns()}/x.zarr"
    with Recorder(f"s3://{root.removeprefix('PUT /')}", environment=Counter(), flush_seconds=0.5) as recorder:
        begun = server.requests()
        environment = recorder.wrap_environment(Counter())
        environment.reset(seed=3)
        for _ in range(60):
            if environment.step(0)[2]:
                environment.reset(seed=3)
            time.sleep(0.05)
        asked = server.requests()
        recorder.close()
        closing = server.requests()
    # Whether anything is there, the root, and a group each with what is asked about it.
    assert len(begun) <= 12
    commits = [place for place, request in enumerate(asked) if request == f"{root}/zarr.json"]
    assert len(commits) >= 2
    # Of steps, of episodes, and the three labels after an episode's last action.
    columns = 11 + 10 + 3
    for before, after in itertools.pairwise(commits):
        # A group that comes with the first episode's end is asked for once.
        between = [request for request in asked[before + 1 : after] if "zarr.json" not in request]
        assert all(request.startswith(f"{root}/") and "/c/0" in request for request in between)
        assert len(between) == len(set(between)) <= columns
    # A commit may be under way. Then a chunk and the exact length of each array, and the root; all metadata once more,
    # and the root that repeats them.
    assert kinds(closing)["PUT"] <= columns + 1 + 2 * columns + 2
    assert kinds(closing)["GET"] <= columns + 15


def test_a_listing_reads_again_only_what_has_changed(
    server: Server, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_ROOT", recording.path.rpartition("/")[0])
    cached_listing()
    server.requests()
    assert len(cached_listing()) == 1
    assert kinds(server.requests()) == {"GET": 1, "HEAD": 1}
