"""S3 servers of this machine, each a process of its own, and what a program must know to find them."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("s3fs", reason="s3fs is not installed")
pytest.importorskip("moto", reason="moto is not installed")
pytest.importorskip("flask", reason="Flask, which moto's server needs, is not installed")

BUCKET = "bucket"
PROGRAM = """
import os, moto.server

def tell(handler, *_):
    os.write(1, f"{handler.command} {handler.path}\\n".encode())

moto.server.MotoRequestHandler.log_request = tell
moto.server.main()
"""


class Server:
    """A process that answers as S3 does, and keeps what it is given in its memory."""

    def __init__(self, log: Path, *, port: int = 0, free_requests: int | None = None) -> None:
        self.port = port or free_port()
        self._log = log
        settings = {} if free_requests is None else {"INITIAL_NO_AUTH_ACTION_COUNT": str(free_requests)}
        with log.open("a") as written:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    PROGRAM,
                    "-H",
                    "127.0.0.1",
                    "-p",
                    str(self.port),
                ],
                stdout=written,
                stderr=subprocess.STDOUT,
                env=os.environ | settings,
            )
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                break
            assert self._process.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs in order to find the server, and not to try for long when it is gone."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "tester",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_MAX_ATTEMPTS": "2",
        }

    def make_bucket(self, name: str = BUCKET) -> None:
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/{name}", method="PUT"), timeout=30).close()

    def requests(self) -> list[str]:
        """What it has been asked since the last time: `GET /bucket/x.zarr/zarr.json`."""
        time.sleep(0.1)
        lines = self._log.read_text().splitlines()
        os.truncate(self._log, 0)
        return [line for line in lines if line.startswith(("GET ", "PUT ", "HEAD ", "POST ", "DELETE "))]

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("s3") / "log")
    server.make_bucket()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def server(shared_server: Server) -> Iterator[Server]:
    """The server of all tests, which this process finds by its environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION"):
            patch.delenv(name, raising=False)
        for name, value in shared_server.environment.items():
            patch.setenv(name, value)
        yield shared_server


@pytest.fixture
def folder(server: Server) -> str:
    """A URL of the test's own, below which there is nothing yet."""
    return f"s3://{BUCKET}/{time.time_ns()}"
