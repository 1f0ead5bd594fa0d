"""What the tests of hostile files share: a sound recording, and a sound agent's members."""

from pathlib import Path

import pytest
from stable_baselines3 import PPO

from tests.hostile.agents import members_of
from tests.hostile.tampering import make_sound
from tests.policies.toy import make_agent, save


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound recording of a PPO agent; not to be changed."""
    return make_sound(tmp_path_factory.mktemp("sound"))


@pytest.fixture(scope="session")
def members(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What is in the file of a sound PPO agent."""
    path, _ = save(make_agent(PPO, "vector", n_steps=8, batch_size=8), tmp_path_factory.mktemp("sound"))
    return members_of(path)
