from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from workbench.policies.types import ActionChoice, PolicyOutput
from workbench.recording import Recording, record


class Grid(gymnasium.Env[Any, Any]):
    """A dot that walks over a grid; what it sees is a picture, or a dict of a picture and its place."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 5}

    def __init__(
        self, *, as_dict: bool = False, size: int = 12, length: int = 7, render_mode: str | None = None
    ) -> None:
        self.render_mode = render_mode
        self.size, self.length, self.as_dict = size, length, as_dict
        picture = spaces.Box(0, 255, (size, size, 3), np.uint8)
        place = spaces.Box(-np.inf, np.inf, (2,), np.float32)
        self.observation_space = spaces.Dict({"picture": picture, "place": place}) if as_dict else picture
        self.action_space = spaces.Discrete(4)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place = self.np_random.integers(0, self.size, 2)
        self.t = 0
        return self._observation(), self._info()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.place = (self.place + [(0, 1), (1, 0), (0, -1), (-1, 0)][int(action)]) % self.size
        self.t += 1
        at_corner = bool((self.place == 0).all())
        return self._observation(), 0.1 * int(action), at_corner, self.t >= self.length and not at_corner, self._info()

    def render(self) -> np.ndarray:
        return np.kron(self._picture(), np.ones((3, 3, 1), np.uint8))[:, :-1]

    def _picture(self) -> np.ndarray:
        picture = np.full((self.size, self.size, 3), 30, np.uint8)
        picture[tuple(self.place)] = (250, 200, 10)
        return picture

    def _observation(self) -> Any:
        picture = self._picture()
        return {"picture": picture, "place": self.place.astype(np.float32)} if self.as_dict else picture

    def _info(self) -> dict[str, Any]:
        return {
            "truth": {"row": int(self.place[0]), "near/corner": bool(self.place.sum() < 3), "place": self.place.copy()}
        }


class TinyPolicy:
    """A random two-layer network over flattened observations."""

    name = "Tiny"

    def __init__(self, environment: gymnasium.Env[Any, Any]) -> None:
        self.observation_space = environment.observation_space
        self.action_space = environment.action_space
        torch.manual_seed(0)
        size = spaces.flatdim(self.observation_space)
        self.module = nn.Sequential(nn.Linear(size, 8), nn.ReLU(), nn.Linear(8, int(self.action_space.n) + 1)).eval()

    def initial_state(self, batch_size: int) -> None:
        return None

    def preprocess(self, observations: Any) -> torch.Tensor:
        parts = observations.values() if isinstance(observations, dict) else [observations]
        flat = [torch.as_tensor(np.asarray(part, np.float32)).flatten(1) / 100 for part in parts]
        return torch.cat(flat, dim=1)

    def forward(
        self, inputs: Any, state: Any = None, episode_starts: Any = None, action_masks: Any = None
    ) -> PolicyOutput:
        both = self.module(inputs)
        return PolicyOutput(logits=both[:, :-1], value=both[:, -1])

    def act(self, observations: Any, state: Any = None, episode_starts: Any = None, **_: Any) -> ActionChoice:
        with torch.no_grad():
            output = self.forward(self.preprocess(observations))
        assert output.logits is not None
        return ActionChoice(actions=output.logits.argmax(1).numpy(), output=output)


def _record(environment: Any, out: Path, **options: Any) -> Recording:
    example = environment()
    return record(TinyPolicy(example), environment, out=out, environments=2, **options)


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    folder = tmp_path_factory.mktemp("recordings")
    return SimpleNamespace(
        cart_pole=_record(lambda: gymnasium.make("CartPole-v1"), folder / "cart_pole.zarr", episodes=3),
        grid=_record(lambda: Grid(length=9), folder / "grid.zarr", episodes=3),
        frames=_record(lambda: Grid(render_mode="rgb_array"), folder / "frames.zarr", episodes=2, frames=True),
        dictionary=_record(lambda: Grid(as_dict=True), folder / "dictionary.zarr", episodes=4),
        unfinished=_record(lambda: gymnasium.make("CartPole-v1"), folder / "unfinished.zarr", steps=4),
    )
