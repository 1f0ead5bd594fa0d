"""An environment and an agent that have everything a recording can hold, and whose every number follows from seeds."""

import math
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from torch import nn

from workbench.policies.types import ActionChoice, EpisodeRandom, PolicyOutput

DIRECTIONS = np.array([(0, 1), (1, 0), (0, -1), (-1, 0)], np.float32)
CELLS = np.arange(81, dtype=np.uint8).reshape(9, 9)
NUMBERS = 2 + 1 + 81
"""In one observation: where it is, the time, what it sees."""
WIDE = 1100
"""Numbers of a layer whose rows are so large (over 4 kB) that the acting thread does not copy them."""


class Walk(gymnasium.Env[Any, Any]):
    """A walk on a plane that drifts at random, seen as a nested Dict; it ends beyond a circle, or after 40 steps.

    Args:
        render_mode: As gymnasium has it.
        seconds: How long each step takes.
        hang_at: The step (of this environment) that never comes back.
        raise_at: The step that raises.
        fork_at: The step in which the process is forked, and both go on; the child first sleeps.
        child_sleeps: How many seconds.
        drift: Two environments of unlike drift do not do the same.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 5}
    observation_space = spaces.Dict(
        {
            "place": spaces.Box(-10, 10, (2,), np.float32),
            "view": spaces.Box(0, 255, (9, 9), np.uint8),
            "inner": spaces.Dict({"clock": spaces.Box(0, 1000, (1,), np.float32)}),
        }
    )
    action_space = spaces.Discrete(4)

    def __init__(
        self, render_mode: str | None = None, seconds: float = 0.0, drift: float = 0.02, **mishaps: Any
    ) -> None:
        self.render_mode = render_mode
        self.seconds = seconds
        self.drift = drift
        self.mishaps = mishaps
        self.total = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place = self.np_random.normal(0, 0.1, 2).astype(np.float32)
        self.t = 0
        return self._observe()

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if self.seconds:
            time.sleep(self.seconds)
        self.total += 1
        self._mishap()
        self.t += 1
        self.place = (
            self.place + 0.1 * DIRECTIONS[int(action)] + self.np_random.normal(0, self.drift, 2).astype(np.float32)
        )
        observation, info = self._observe()
        distance = info["truth"]["distance"]
        return observation, -distance, distance > 1.0, self.t >= 40, info

    def _mishap(self) -> None:
        if self.total == self.mishaps.get("hang_at"):
            while True:
                time.sleep(1)
        if self.total == self.mishaps.get("raise_at"):
            raise RuntimeError("the motor is on fire")
        if self.total == self.mishaps.get("fork_at") and not os.fork():
            time.sleep(self.mishaps.get("child_sleeps", 0))

    def render(self) -> np.ndarray:
        frame = np.full((12, 16, 3), self.t, np.uint8)
        frame[:9, :9, 1] = self._view()
        return frame

    def action_masks(self) -> np.ndarray:
        legal = np.ones(4, np.bool_)
        legal[self.t % 4] = False
        return legal

    def _view(self) -> np.ndarray:
        return CELLS * np.uint8(self.t) + np.uint8(abs(40 * self.place[0]))

    def _observe(self) -> tuple[Any, dict[str, Any]]:
        observation = {
            "place": self.place.copy(),
            "view": self._view(),
            "inner": {"clock": np.array([self.t], np.float32)},
        }
        x, y = self.place.tolist()
        labels = {"distance": math.hypot(x, y), "cell": np.array([x // 0.25, y // 0.25], np.int32)}
        return observation, {"truth": labels | {"even": self.t % 2 == 0}}


class Walker:
    """A small network over all of it, which remembers, and is wide in one place.

    Args:
        seed: Of its weights.
        recurrent: Whether it has a memory (a GRU cell).
        wide: Whether it has a layer of rows over 4 kB.
        masks: Whether it takes masks of legal actions.
    """

    name = "Walker"

    def __init__(self, *, seed: int = 0, recurrent: bool = False, wide: bool = False, masks: bool = False) -> None:
        torch.manual_seed(seed)
        self.observation_space = Walk.observation_space
        self.action_space = Walk.action_space
        self.takes_action_masks = masks
        self.recurrent = recurrent
        self.wide = wide
        layers: dict[str, nn.Module] = {"first": nn.Linear(NUMBERS, 16), "relu": nn.ReLU(inplace=True)}
        if recurrent:
            layers["memory"] = nn.GRUCell(16, 16)
        if wide:
            layers["wide"] = nn.Linear(16, WIDE)
        layers |= {"actor": nn.Linear(16, 4), "critic": nn.Linear(16, 1)}
        self.module = nn.ModuleDict(layers)
        self.normalisation = {"mean": np.linspace(0, 1, NUMBERS), "scale": np.full(NUMBERS, 0.5, np.float32)}

    def initial_state(self, batch_size: int) -> Mapping[str, torch.Tensor] | None:
        return {"hidden": torch.zeros(batch_size, 16)} if self.recurrent else None

    def preprocess(self, observations: Any) -> torch.Tensor:
        view = torch.as_tensor(observations["view"]).float().flatten(1) / 255
        parts = [torch.as_tensor(observations["place"]), torch.as_tensor(observations["inner"]["clock"]), view]
        return (torch.cat(parts, 1) - torch.from_numpy(self.normalisation["mean"]).float()) * 0.5

    def forward(
        self, inputs: Any, state: Any = None, episode_starts: Any = None, action_masks: Any = None
    ) -> PolicyOutput:
        hidden, carried = self.module["relu"](self.module["first"](inputs)), None
        if self.recurrent:
            hidden = self.module["memory"](hidden, state["hidden"] * (~episode_starts).float()[:, None])
            carried = {"hidden": hidden}
        if self.wide:
            self.module["wide"](hidden)
        logits = self.module["actor"](hidden)
        if action_masks is not None:
            logits = logits.masked_fill(~torch.as_tensor(action_masks), -1e8)
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
        with torch.no_grad():
            output = self.forward(
                self.preprocess(observations), state, torch.as_tensor(episode_starts), action_masks=action_masks
            )
        assert output.logits is not None
        if deterministic:
            return ActionChoice(actions=output.logits.argmax(1).numpy(), output=output)
        assert random is not None
        noise = torch.stack([torch.rand(4, generator=stream.torch) for stream in random])
        # Gumbel's trick: adding such noise to the logits and taking the largest is drawing from their softmax.
        return ActionChoice(actions=(output.logits - torch.log(-torch.log(noise))).argmax(1).numpy(), output=output)
