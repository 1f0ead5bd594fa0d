"""Small recordings of every kind of agent that the pages have to show, made in a second each from random networks."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from torch import nn

import workbench
from envs import CheeseMaze
from workbench.policies.types import ActionChoice, PolicyOutput
from workbench.recording import Recording


class Spotlight(gymnasium.Env[np.ndarray, int]):
    """A bright spot on a dark field that an agent moves left or right; the field's middle column pays."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10, "action_names": ["left", "stay", "right"]}  # noqa: RUF012

    def __init__(self, size: int = 24, length: int = 30) -> None:
        self.observation_space = spaces.Box(0, 255, (size, size, 3), np.uint8)
        self.action_space = spaces.Discrete(3)
        self.render_mode = "rgb_array"
        self.size, self.length = size, length

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.time, self.column = 0, int(self.np_random.integers(self.size))
        return self._observe()

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.column = int(np.clip(self.column + int(action) - 1, 0, self.size - 1))
        self.time += 1
        observation, info = self._observe()
        reward = 1.0 if self.column == self.size // 2 else 0.0
        return observation, reward, False, self.time >= self.length, info

    def _observe(self) -> tuple[np.ndarray, dict]:
        field = np.zeros(self.observation_space.shape, np.uint8)
        field[self.time % self.size, self.column] = (255, 220, 60)
        field[:, self.size // 2, 2] = 90
        corner = np.zeros((4, 5), bool)
        corner[0, 0] = self.column < self.size // 2
        truth = {"spot column": self.column, "on target": self.column == self.size // 2, "on the left": corner}
        return field, {"truth": truth}

    def render(self) -> np.ndarray:
        return self._observe()[0].repeat(6, 0).repeat(6, 1)


PICTURED = ("image", "maze")
"""Kinds whose observation is a picture."""


class ExamplePolicy:
    """A policy of any kind around a small random network."""

    def __init__(self, environment: gymnasium.Env[Any, Any], kind: str) -> None:
        torch.manual_seed(0)
        self.kind, self.name = kind, {"recurrent": "RecurrentPPO", "continuous": "PPO", "q": "DQN"}.get(kind, "PPO")
        self.observation_space, self.action_space = environment.observation_space, environment.action_space
        shape = self.observation_space.shape or (1,)
        if kind in PICTURED:
            trunk: nn.Module = nn.Sequential(
                nn.Conv2d(3, 16, 4, 2), nn.ReLU(), nn.Conv2d(16, 24, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(128)
            )
            trunk(torch.zeros(1, 3, *shape[:2]))
            width = 128
        else:
            width = 32
            trunk = nn.Sequential(nn.Linear(int(np.prod(shape)), width), nn.Tanh(), nn.Linear(width, width), nn.Tanh())
        outputs = int(self.action_space.n) if isinstance(self.action_space, spaces.Discrete) else 1
        self.module = nn.ModuleDict({"trunk": trunk, "action": nn.Linear(width, outputs), "value": nn.Linear(width, 1)})
        if kind == "recurrent":
            self.module["memory"] = nn.GRU(width, width)
        with torch.no_grad():
            self.module["action"].weight *= 6
            self.module["value"].weight *= 10
        self.module.eval()

    def initial_state(self, batch_size: int) -> dict[str, torch.Tensor] | None:
        return {"hidden": torch.zeros(batch_size, 32)} if self.kind == "recurrent" else None

    def preprocess(self, observations: Any) -> torch.Tensor:
        values = torch.as_tensor(np.asarray(observations)).float()
        return values.permute(0, 3, 1, 2) / 255 if self.kind in PICTURED else values.reshape(len(values), -1)

    def forward(self, inputs: Any, state: Any = None, episode_starts: Any = None, action_masks: Any = None) -> Any:
        latent, after = self.module["trunk"](inputs), None
        if self.kind == "recurrent":
            hidden = torch.zeros(len(latent), 32) if state is None else state["hidden"]
            if episode_starts is not None:
                hidden = hidden * (~episode_starts[:, None]).float()
            latent, hidden = self.module["memory"](latent[None], hidden[None])
            latent, after = latent[0], {"hidden": hidden[0]}
        head, value = self.module["action"](latent), self.module["value"](latent)[:, 0]
        if self.kind == "continuous":
            return PolicyOutput(mean=head, log_std=torch.full_like(head, -0.5), value=value)
        if self.kind == "q":
            return PolicyOutput(q_values=head, value=head.max(1).values)
        return PolicyOutput(logits=head, value=value, state=after)

    @torch.no_grad()
    def act(
        self,
        observations: Any,
        state: Any = None,
        episode_starts: Any = None,
        *,
        deterministic: bool,
        random: Any = None,
        action_masks: Any = None,
    ) -> ActionChoice:
        starts = None if episode_starts is None else torch.as_tensor(episode_starts)
        output = self.forward(self.preprocess(observations), state, starts)
        rows = range(len(output.value))
        if self.kind == "continuous":
            noise = torch.stack([torch.randn(1, generator=random[i].torch) for i in rows]) if not deterministic else 0
            actions = (output.mean + noise * output.log_std.exp()).numpy().astype(np.float32)
        elif deterministic or self.kind == "q":
            actions = (output.q_values if output.logits is None else output.logits).argmax(1).numpy()
        else:
            chances = output.logits.softmax(1)
            actions = np.array([torch.multinomial(chances[i], 1, generator=random[i].torch).item() for i in rows])
        return ActionChoice(actions=actions, output=output)


ENVIRONMENTS = {
    "vector": lambda: gymnasium.make("CartPole-v1"),
    "image": lambda: Spotlight(),
    "recurrent": lambda: gymnasium.make("CartPole-v1"),
    "continuous": lambda: gymnasium.make("Pendulum-v1"),
    "q": lambda: gymnasium.make("MountainCar-v0"),
    "maze": lambda: CheeseMaze(cheese="outside top-right 5x5", time_limit=40, render_mode="rgb_array"),
}


def record_example(
    kind: str, out: Path, *, episodes: int = 4, frames: bool | None = None, make: Any = None
) -> Recording:
    """Record a random agent of a kind: `vector`, `image`, `recurrent`, `continuous`, `q` or `maze`."""
    make = make or ENVIRONMENTS[kind]
    environment = make()
    return workbench.record(
        ExamplePolicy(environment, kind),
        make,
        episodes=episodes,
        out=out,
        deterministic=False,
        frames=kind in PICTURED if frames is None else frames,
        overwrite=True,
    )
