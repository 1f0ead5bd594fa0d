"""What the tests of hostile files share: a sound recording, and a sound agent's members."""

import zlib
from pathlib import Path

import pytest
from stable_baselines3 import PPO

from tests.hostile.agents import members_of
from tests.hostile.tampering import make_sound
from tests.policies.toy import make_agent, save

FEW = 30
"""Cases of a test up to which all are run at each change."""
EVERY = 5


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a test with many cases about every fifth is run at each change, and the others with `make torture`."""
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("torture") is None:
            cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for some in cases.values():
        if len(some) > FEW:
            # By their names, so that no kind is left out because cases are in a pattern.
            for item in some:
                if zlib.crc32(item.nodeid.encode()) % EVERY:
                    item.add_marker(pytest.mark.torture)


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound recording of a PPO agent; not to be changed."""
    return make_sound(tmp_path_factory.mktemp("sound"))


@pytest.fixture(scope="session")
def members(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What is in the file of a sound PPO agent."""
    path, _ = save(make_agent(PPO, "vector", n_steps=8, batch_size=8), tmp_path_factory.mktemp("sound"))
    return members_of(path)
