"""Small agents and environments whose every number is known, for the tests of the recorder."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from torch import nn

from workbench.policies.types import ActionChoice, EpisodeRandom, PolicyOutput


class Counter(gymnasium.Env[np.ndarray, int]):
    """Counts its steps; the observation is (seed mod 1000, step), the episode ends after 3 + seed mod 4 steps."""

    metadata: ClassVar[dict[str, Any]] = {
        "render_modes": ["rgb_array"],
        "render_fps": 7,
        "observation_names": ["seed", "step"],
    }
    observation_space = spaces.Box(-1e6, 1e6, (2,), np.float32)
    action_space = spaces.Discrete(3)

    def __init__(self, render_mode: str | None = None, fail_at: int | None = None, truncate: bool = False) -> None:
        self.render_mode = render_mode
        self.fail_at = fail_at
        self.truncate = truncate
        self.total = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        if seed is not None:
            self.seed = seed
        self.t = 0
        return self._observe()

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.total += 1
        if self.total == self.fail_at:
            raise RuntimeError("the motor is on fire")
        self.t += 1
        over = self.t >= 3 + self.seed % 4
        observation, info = self._observe()
        return observation, self.t + 0.5 * int(action), over and not self.truncate, over and self.truncate, info

    def render(self) -> np.ndarray:
        frame = np.zeros((6, 8, 3), np.uint8)
        frame[..., 0] = self.t
        frame[..., 1] = self.seed % 256
        return frame

    def _observe(self) -> tuple[np.ndarray, dict]:
        observation = np.array([self.seed % 1000, self.t], np.float32)
        return observation, {"truth": {"t": self.t, "even": self.t % 2 == 0, "pair": np.array([self.t, -self.t])}}


class ToyPolicy:
    """A small network: an activation that works in place and is used twice, and a running sum as its memory."""

    name = "Toy"

    def __init__(self, *, recurrent: bool = False, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.observation_space = Counter.observation_space
        self.action_space = Counter.action_space
        self.recurrent = recurrent
        relu = nn.ReLU(inplace=True)
        self.module = nn.ModuleDict(
            {"first": nn.Linear(2, 5), "relu": relu, "second": nn.Linear(5, 3), "critic": nn.Linear(5, 1)}
        )

    def initial_state(self, batch_size: int) -> Mapping[str, torch.Tensor] | None:
        return {"sum": torch.zeros(batch_size, 2)} if self.recurrent else None

    def preprocess(self, observations: Any) -> torch.Tensor:
        return torch.as_tensor(observations).float()

    def forward(
        self, inputs: Any, state: Any = None, episode_starts: Any = None, action_masks: Any = None
    ) -> PolicyOutput:
        carried = None
        if self.recurrent:
            kept = state["sum"] * (~episode_starts).float()[:, None]
            carried = {"sum": kept + inputs}
        hidden = self.module["relu"](self.module["first"](inputs))
        logits = self.module["second"](hidden)
        self.module["relu"](logits * 1.0)
        return PolicyOutput(logits=logits, value=self.module["critic"](hidden)[:, 0], state=carried)

    def act(
        self,
        observations: Any,
        state: Any = None,
        episode_starts: Any = None,
        *,
        deterministic: bool,
        random: Sequence[EpisodeRandom] | None = None,
        action_masks: Any = None,
    ) -> ActionChoice:
        starts = torch.as_tensor(episode_starts) if episode_starts is not None else None
        with torch.no_grad():
            output = self.forward(self.preprocess(observations), state, starts)
        assert output.logits is not None
        if deterministic:
            actions = output.logits.argmax(1).numpy()
        else:
            assert random is not None
            actions = np.array([stream.numpy.randint(3) for stream in random])
        return ActionChoice(actions=actions, output=output)
