import pytest

from tests.figures.example_recordings import record_example


@pytest.fixture(scope="session")
def example(tmp_path_factory):
    """A function from a kind of agent to its recording, made once a session."""
    made = {}

    def get(kind):
        if kind not in made:
            made[kind] = record_example(kind, tmp_path_factory.mktemp("examples") / f"{kind}.zarr", episodes=2)
        return made[kind]

    return get
