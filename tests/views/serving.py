"""The dashboard's real server, started as a user starts it, and requests to it byte by byte."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running dashboard."""

    port: int

    @property
    def address(self) -> str:
        """What a browser is given."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Send a request exactly as it is put here; its status and the beginning of what comes back."""
        lines = {"Host": f"127.0.0.1:{self.port}", "Connection": "close"} | dict(headers or {})
        text = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{key}: {value}\r\n" for key, value in lines.items())
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(text.encode("latin-1") + b"\r\n")
            answer = b""
            while len(answer) < 1 << 16 and (block := connection.recv(1 << 16)):
                answer += block
                if answer.startswith(b"HTTP/1.1 101"):
                    break
        return int(answer.split(b" ", 2)[1]), answer.decode("latin-1")

    def open_session(self, host: str, origin: str | None) -> int:
        """Ask for a session as a page of some origin would; 101 is yes."""
        headers = {
            "Host": host,
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "c3RyYW5nZXIgdGhhbiBpdA==",
        }
        return self.ask("GET", "/_stcore/stream", headers | ({} if origin is None else {"Origin": origin}))[0]


@contextmanager
def serve(folder: Path, *, environment: Mapping[str, str] | None = None, cwd: Path | None = None) -> Iterator[Server]:
    """Run `workbench app` on a folder.

    Args:
        folder: The root.
        environment: Environment variables beside those that there are.
        cwd: The folder that it is started in.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server = Server(port=probe.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "workbench", "app", str(folder), "--port", str(server.port)],
        cwd=cwd,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | dict(environment or {}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 90
        while not _answers(server):
            assert process.poll() is None, "it ended"
            assert time.monotonic() < deadline, "it does not answer"
            time.sleep(0.2)
        yield server
    finally:
        process.terminate()
        process.wait(20)


def _answers(server: Server) -> bool:
    try:
        return server.ask("GET", "/_stcore/health")[0] == 200
    except OSError:
        return False
