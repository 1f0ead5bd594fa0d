"""`workbench app`: serve the dashboard on the loopback."""

import importlib.util
import os
import socket
import sys
from pathlib import Path

from workbench.cli.options import AppOptions
from workbench.dashboard_settings import ADDRESS, ROOT_VARIABLE, SERVER_OPTIONS
from workbench.errors import MissingExtraError, WorkbenchError


def run(options: AppOptions) -> None:
    """Become the dashboard's server; comes back only with an error.

    Raises:
        WorkbenchError: The folder is not there, or the port is taken.
        MissingExtraError: Streamlit is not installed.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise MissingExtraError("streamlit", "app", "The dashboard")
    root = _root(options.folder)
    if options.script is not None and not options.script.is_file():
        raise WorkbenchError(f"There is no script {options.script}.")
    _check_port(options.port)
    command = [
        *(sys.executable, "-m", "streamlit", "run", str(options.script or _script())),
        *("--server.port", str(options.port)),
        *SERVER_OPTIONS,
    ]
    sys.stdout.write(f"Dashboard of {options.folder}: http://{ADDRESS}:{options.port}   (Ctrl-C stops it)\n")
    sys.stdout.flush()
    os.execve(sys.executable, command, {**os.environ, ROOT_VARIABLE: root})


def _root(folder: str) -> str:
    from workbench.recording.object_storage import list_folder
    from workbench.recording.store import local_path

    local = local_path(folder)
    if local is None:
        # Whether it answers is found out here, and not by each page.
        list_folder(folder)
        return folder
    if not local.is_dir():
        raise WorkbenchError(
            f"There is no folder {folder}; make a recording there first, or name the folder that holds yours."
        )
    return str(local.resolve())


def _script() -> Path:
    # Found without importing it: importing the views would load Streamlit into this process.
    views = importlib.util.find_spec("workbench.views")
    if views is None or not views.submodule_search_locations:
        raise WorkbenchError("The package workbench.views is missing: install rl-workbench again.")
    return Path(views.submodule_search_locations[0]) / "__main__.py"


def _check_port(port: int) -> None:
    if not 0 < port < 65536:
        raise WorkbenchError(f"--port takes a number from 1 to 65535, not {port}.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            raise WorkbenchError(
                f"Port {port} of {ADDRESS} cannot be had ({error.strerror}); choose another with --port."
            ) from error
