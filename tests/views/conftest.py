import json
import shutil
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.figures.example_recordings import record_example


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    """A folder with one recording of CartPole, made once a session."""
    folder = tmp_path_factory.mktemp("recorded")
    record_example("vector", folder / "cartpole.zarr", episodes=3)
    return folder


@pytest.fixture(scope="session")
def shipped(tmp_path_factory, checkout):
    """A folder with recordings of two shipped agents."""
    from tests.views.shipped import record_shipped

    return record_shipped(tmp_path_factory.mktemp("shipped"), checkout)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty folder that the dashboard is started on."""
    folder = tmp_path / "runs"
    folder.mkdir()
    monkeypatch.setenv("WORKBENCH_ROOT", str(folder))
    st.cache_resource.clear()
    st.cache_data.clear()
    return folder


@pytest.fixture
def full_root(root, recorded):
    """The same with a good recording, and one whose format nobody knows."""
    shutil.copytree(recorded / "cartpole.zarr", root / "cartpole.zarr")
    shutil.copytree(recorded / "cartpole.zarr", root / "future.zarr")
    metadata = root / "future.zarr" / "zarr.json"
    metadata.write_text(metadata.read_text().replace('"format_version": 1', '"format_version": 99'))
    return root


def table_rows(app):
    """The rows of the table on the page of recordings: by column the text, and `name`, `badge`, `address`."""
    rows = json.loads(app.get("bidi_component")[0].proto.json)["rows"]
    return [
        {key: cell["text"] for key, cell in row["cells"].items()}
        | {"options": row["cells"]["environment"]["below"], "badge": row["badge"], "address": row["address"]}
        for row in rows
    ]


def run_page(name, **query) -> AppTest:
    """Run one page as Streamlit would, with a query in the address bar."""
    app = AppTest.from_file(str(Path(__file__).with_name(f"{name}_page.py")), default_timeout=30)
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception, app.exception
    return app
