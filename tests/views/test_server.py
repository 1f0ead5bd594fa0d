"""The real server listens on the loopback alone, and talks to no page of another site, whatever else is configured."""

import socket
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.views.serving import Server, serve
from workbench.dashboard_settings import ADDRESS, HOSTS, SERVER_OPTIONS

WIDENED = """
[server]
address = "0.0.0.0"
enableCORS = false
enableXsrfProtection = false
allowedHosts = ["*"]
enableStaticServing = true
"""
"""What may stand in a file in somebody's home, or beside their recordings, for other dashboards of theirs."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A dashboard in surroundings that would have it open to everybody."""
    home = tmp_path_factory.mktemp("home")
    for place in (home / ".streamlit", home / "runs" / ".streamlit"):
        place.mkdir(parents=True)
        (place / "config.toml").write_text(WIDENED)
    (home / "secret.txt").write_text("a secret")
    (home / "runs" / "inside.txt").write_text("a secret")
    variables = {
        "HOME": str(home),
        "STREAMLIT_SERVER_ADDRESS": "0.0.0.0",
        "STREAMLIT_SERVER_ENABLE_CORS": "false",
        "STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION": "false",
        "STREAMLIT_SERVER_ALLOWED_HOSTS": "*",
    }
    with serve(home / "runs", environment=variables, cwd=home / "runs") as running:
        yield running


def other_addresses() -> list[str]:
    """Addresses of this machine that are not the one that the dashboard listens on."""
    own = {str(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    # All of 127.0.0.0/8 leads here on Linux, so there is always one.
    return sorted((own | {"127.0.0.2"}) - {ADDRESS})


@pytest.mark.parametrize("address", other_addresses())
def test_it_is_not_reachable_by_another_address(address: str, server: Server) -> None:
    with pytest.raises(OSError, match=r"refused|unreachable|timed out|not available"):
        socket.create_connection((address, server.port), timeout=5).close()


@pytest.mark.parametrize("host", HOSTS)
def test_its_own_page_opens_a_session(host: str, server: Server) -> None:
    assert server.open_session(f"{host}:{server.port}", f"http://{host}:{server.port}") == 101


def test_a_page_of_another_server_of_this_machine_is_taken_for_its_own(server: Server) -> None:
    """Streamlit has it so, and no setting for it; `docs/security.md` says that."""
    assert server.open_session(f"127.0.0.1:{server.port}", "http://localhost:9") == 101


@pytest.mark.parametrize(
    "origin",
    [
        "http://stranger.example",
        "https://stranger.example",
        "http://127.0.0.1.stranger.example",
        "http://localhost.stranger.example:{port}",
        "http://stranger.example:{port}",
        "http://localhost@stranger.example",
        "null",
        "file://",
    ],
)
def test_a_page_of_another_site_opens_no_session(origin: str, server: Server) -> None:
    assert server.open_session(f"127.0.0.1:{server.port}", origin.format(port=server.port)) == 403


@pytest.mark.parametrize(
    "host",
    ["stranger.example", "127.0.0.1.stranger.example", "localhost.stranger.example", "127.0.0.1@stranger.example"],
)
@pytest.mark.parametrize("with_origin", [True, False])
def test_a_name_that_was_made_to_lead_here_opens_no_session(host: str, with_origin: bool, server: Server) -> None:
    """DNS rebinding: the stranger's page and the dashboard are then of one origin to the browser."""
    place = f"{host}:{server.port}"
    assert server.open_session(place, f"http://{place}" if with_origin else None) == 403


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_nothing_is_uploaded_without_the_page(method: str, server: Server) -> None:
    headers = {"Origin": "http://stranger.example", "Content-Length": "0"}
    status, _ = server.ask(method, "/_stcore/upload_file/session/file", headers)
    assert 400 <= status < 500


def test_no_other_origin_may_read_an_answer(server: Server) -> None:
    for path in ("/", "/_stcore/health", "/_stcore/host-config"):
        _, answer = server.ask("GET", path, {"Origin": "http://stranger.example"})
        assert "access-control-allow-origin: *" not in answer.lower(), path
        assert "access-control-allow-origin: http://stranger" not in answer.lower(), path


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt", "/..%2fsecret.txt", "/%2e%2e/%2e%2e/secret.txt", "/media/../../secret.txt", "//etc/passwd",
        "/app/static/../../secret.txt", "/app/static/inside.txt", "/static/../../../../../../../etc/passwd",
        "/inside.txt",
        "/component/x/../../secret.txt", "/app/static/%2e%2e/inside.txt", "/%00/etc/passwd", "/runs/inside.txt",
    ],
)  # fmt: skip
def test_no_file_is_served_by_its_path(path: str, server: Server) -> None:
    _, answer = server.ask("GET", path)
    assert "a secret" not in answer
    assert "root:" not in answer


def test_a_server_from_the_checkout_is_set_up_alike(checkout: Path) -> None:
    """`streamlit run app.py` reads the file, `workbench app` passes options."""
    given = tomllib.loads((checkout / ".streamlit" / "config.toml").read_text())["server"]
    assert given["address"] == ADDRESS
    assert given["allowedHosts"] == list(HOSTS)
    options = list(zip(SERVER_OPTIONS[::2], SERVER_OPTIONS[1::2], strict=True))
    assert [value for name, value in options if name == "--server.allowedHosts"] == list(HOSTS)
    assert ("--server.address", ADDRESS) in options
