"""A storage that is not there, refuses, or goes away: one clear sentence, within bounds, and never a traceback."""

import contextlib
import io
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest

from tests.object_storage.conftest import BUCKET, Server, free_port
from tests.object_storage.test_recording import begin, toy
from workbench.cli import main
from workbench.errors import MissingExtraError, WorkbenchError
from workbench.recording import Recording, list_recordings, object_storage, open_recording


def run(*words: str) -> tuple[int, str]:
    """A command's exit status, and the one line that it complains with."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        status = main(words)
    assert said.getvalue().count("\n") == (1 if status else 0), said.getvalue()
    return status, said.getvalue()


@pytest.fixture(scope="module")
def recording(server: Server) -> Recording:
    return toy(f"s3://{BUCKET}/damaged/{time.time_ns()}.zarr")


@pytest.fixture
def own_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that a test may kill."""
    server = Server(tmp_path / "log")
    server.make_bucket()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    yield server
    server.kill()


def test_a_bucket_that_is_not_there(server: Server) -> None:
    for use in (toy, open_recording, list_recordings):
        with pytest.raises(WorkbenchError, match=r"s3://nowhere/x.zarr .*: there is no such bucket. Make it, or check"):
            use("s3://nowhere/x.zarr")


def test_nothing_at_a_url(folder: str) -> None:
    with pytest.raises(WorkbenchError, match=r"There is no recording at s3://.*/x.zarr. Where it is a folder of"):
        open_recording(f"{folder}/x.zarr")
    with pytest.raises(WorkbenchError, match="There is nothing at s3://"):
        list_recordings(folder)


def test_a_protocol_that_nobody_knows(tmp_path: Path) -> None:
    for use in (toy, open_recording, list_recordings):
        with pytest.raises(WorkbenchError, match=r"carrier-pigeon.* Expected a URL that fsspec knows"):
            use("carrier-pigeon://roof/x.zarr")


def test_without_s3fs_its_install_line_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    for use in (toy, open_recording, list_recordings):
        with pytest.raises(MissingExtraError, match=r'pip install "rl-workbench\[s3\]"'):
            use("s3://bucket/x.zarr")


def test_no_credentials(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(WorkbenchError, match=r"for lack of credentials .* Set AWS_ACCESS_KEY_ID and"):
        toy(f"s3://{BUCKET}/x.zarr")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(WorkbenchError, match=r"for lack of credentials .*nobody"):
        open_recording(f"s3://{BUCKET}/x.zarr")


def test_wrong_credentials_and_then_right_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, recording: Recording
) -> None:
    strict = Server(tmp_path / "log", free_requests=1)
    try:
        strict.make_bucket()
        for name, value in strict.environment.items():
            monkeypatch.setenv(name, value)
        for use in (toy, open_recording, list_recordings):
            with pytest.raises(WorkbenchError, match=r"the storage refuses access \(.*\). Check AWS_ACCESS_KEY_ID and"):
                use(f"s3://{BUCKET}/x.zarr")
    finally:
        strict.kill()
    # In the same process, as in a notebook: the new settings count at once.
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    assert len(open_recording(recording.path)) == len(recording)


def test_the_command_line_says_it_in_one_line(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    began = time.monotonic()
    status, line = run("info", f"s3://{BUCKET}/x.zarr")
    assert (status, "the storage does not answer" in line, "(AWS_ENDPOINT_URL)" in line) == (1, True, True)
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("damage", ["missing", "cut short", "changed"])
def test_a_damaged_object_is_said_where_it_is_and_the_rest_is_read(recording: Recording, damage: str) -> None:
    filesystem, root = fsspec.core.url_to_fs(recording.path)
    name = f"{root}/steps/reward/c/0"
    whole = filesystem.cat_file(name)
    rewards = recording.steps["reward"][:]
    if damage == "missing":
        filesystem.rm_file(name)
    else:
        filesystem.pipe_file(name, whole[:40] if damage == "cut short" else whole[:-9] + b"x" + whole[-8:])
    try:
        damaged = open_recording(recording.path)
        with pytest.raises(WorkbenchError, match=r"array steps/reward cannot be read at .*steps/reward/c/0"):
            damaged.steps["reward"][:]
        assert len(damaged.steps["action"][:]) == len(rewards)
    finally:
        filesystem.pipe_file(name, whole)
    np.testing.assert_array_equal(open_recording(recording.path).steps["reward"][:], rewards)


def test_metadata_that_are_damaged_or_of_something_else(folder: str) -> None:
    filesystem = fsspec.filesystem("s3")
    for content, said in (
        (b"{", "not JSON"),
        (b"", "not JSON"),
        (b'{"zarr_format": 3, "node_type": "array"}', "array"),
    ):
        filesystem.pipe_file(f"{folder}/x.zarr/zarr.json", content)
        with pytest.raises(WorkbenchError, match=f"is not a readable recording.*{said}"):
            open_recording(f"{folder}/x.zarr")


def test_a_server_that_goes_away_while_reading(own_server: Server) -> None:
    recording = toy(f"s3://{BUCKET}/x.zarr")
    again = open_recording(recording.path)
    own_server.kill()
    began = time.monotonic()
    with pytest.raises(
        WorkbenchError, match=r"s3://bucket/x.zarr: the storage does not answer \(.*then try again"
    ) as raised:
        again.steps["reward"][:]
    assert "damaged" not in str(raised.value)
    with pytest.raises(WorkbenchError, match="does not answer"):
        again.summary()
    assert time.monotonic() - began < 60


@pytest.mark.torture
def test_a_server_that_goes_away_while_recording(own_server: Server, checkout: Path) -> None:
    process = begin(f"s3://{BUCKET}/x.zarr", checkout)
    own_server.kill()
    began = time.monotonic()
    _, said = process.communicate(timeout=100)
    assert time.monotonic() - began < 60
    assert process.returncode == 1
    (last,) = (
        line for line in said.splitlines() if "WorkbenchError" in line and "could not be written further" in line
    )
    assert "s3://bucket/x.zarr: the storage does not answer" in last
    assert "steps are committed; when that has been mended" in last


def test_a_server_that_never_answers_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection and says nothing, as behind a firewall that swallows."""
    monkeypatch.setattr(object_storage, "SECONDS_FOR_ONE", 2.0)
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as silent:

        def take() -> None:
            while True:
                try:
                    taken.append(silent.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        for use in (toy, open_recording):
            with pytest.raises(WorkbenchError, match="the storage does not answer"):
                use(f"s3://{BUCKET}/x.zarr")
        assert time.monotonic() - began < 30
        silent.shutdown(socket.SHUT_RDWR)
    for connection in taken:
        connection.close()
