"""The sound files that fuzzing starts from: made once, kept in a folder, read by each process that fuzzes."""

import functools
import io
import json
import pickle
import zipfile
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from gymnasium import spaces
from gymnasium.wrappers import TimeLimit

from tests.hostile.agents import members_of
from tests.hostile.pickles import GREEDY, attacks
from workbench.recording import layout

RECORDINGS = ("vector", "maze", "continuous", "q", "recurrent", "agent")
SPACES = (
    spaces.Box(-1.0, 1.0, (3,), np.float32), spaces.Box(0, 255, (4, 4, 1), np.uint8), spaces.Discrete(3, start=1),
    spaces.MultiDiscrete([2, 3]), spaces.MultiBinary(3), spaces.MultiBinary([2, 2]),
    spaces.Dict(a=spaces.Discrete(2), b=spaces.Box(-np.inf, np.inf, (2,))), spaces.Tuple([spaces.Discrete(2)]),
    spaces.Text(3),
)  # fmt: skip
KEPT = {"policy_class", "policy_kwargs", "observation_space", "action_space", "use_sde", "gamma", "exploration_rate",
        "num_timesteps", "n_envs", "lr_schedule", "clip_range", "tau", "target_entropy", "ent_coef"}  # fmt: skip


def make_corpus(folder: Path) -> None:
    """Save agents and recordings of each kind."""
    from stable_baselines3 import DQN, PPO, SAC

    import workbench
    from tests.figures.example_recordings import ENVIRONMENTS, record_example
    from tests.policies.toy import BOX, make_agent, save

    for name, make in {
        "ppo": lambda: make_agent(PPO, "normalised vector", n_steps=8, batch_size=8),
        "ppo-dict": lambda: make_agent(PPO, "normalised dict", n_steps=8, batch_size=8),
        "dqn": lambda: make_agent(DQN, "vector"),
        "sac": lambda: make_agent(SAC, "vector", BOX),
    }.items():
        place = folder / "agents" / name
        place.mkdir(parents=True)
        save(make(), place)
    agent = PPO("MlpPolicy", "CartPole-v1", n_steps=32, batch_size=32, device="cpu", policy_kwargs={"net_arch": [4]})
    agent.save(folder / "agent.zip")

    def short(kind: str) -> Any:
        return TimeLimit(ENVIRONMENTS[kind](), 20)

    # Small chunks are read quickly, and a short recording has several.
    with patch.object(layout, "MAXIMUM_CHUNK_ROWS", 16):
        for kind in RECORDINGS[:-1]:
            out = folder / "recordings" / kind
            record_example(kind, out, episodes=2, frames=False, make=functools.partial(short, kind))
        out = folder / "recordings" / "agent"
        workbench.record(f"ppo:{folder / 'agent.zip'}", "CartPole-v1", out=out, episodes=2, environments=2)


class Corpus:
    """What there is to be changed.

    Args:
        folder: Where `make_corpus` put it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def agents(self) -> dict[str, dict[str, bytes]]:
        """By kind the members of a saved agent, without the facts that nothing here reads."""
        found = {}
        for place in sorted((self._folder / "agents").iterdir()):
            members = members_of(place / "agent.zip")
            data = {key: value for key, value in json.loads(members["data"]).items() if key in KEPT}
            wanted = {"data", "policy.pth", "_stable_baselines3_version", "system_info.txt"}
            found[place.name] = {key: part for key, part in members.items() if key in wanted} | {
                "data": json.dumps(data).encode()
            }
        return found

    @cached_property
    def statistics(self) -> list[bytes]:
        """Pickles of VecNormalize."""
        return [file.read_bytes() for file in sorted(self._folder.glob("agents/*/normalise.pkl"))]

    @cached_property
    def arrays(self) -> bytes:
        """Statistics as an `.npz`."""
        file = io.BytesIO()
        np.savez(file, mean=np.zeros(5), variance=np.ones(5), count=1.0, epsilon=1e-8, clip=10.0)
        return file.getvalue()

    @cached_property
    def pickles(self) -> list[bytes]:
        """Spaces, arrays, statistics and arguments as they are pickled, and hostile ones of little size."""
        from torch import nn

        values: list[Any] = [
            *SPACES, np.arange(6, dtype=np.float32).reshape(2, 3), np.float64(1.5), np.dtype("f4"), np.array(True),
            {"net_arch": {"pi": [8, 8], "vf": [8]}, "activation_fn": nn.ReLU, "ortho_init": False},
            {"net_arch": [16, {"pi": [8], "vf": [8]}], "log_std_init": -0.5},
        ]  # fmt: skip
        sound = [pickle.dumps(value, protocol) for value in values for protocol in (0, 2, 4, 5)]
        hostile = [*attacks(Path("executed")).values(), *(content for make in GREEDY.values() if (content := make()))]
        return [*sound, *self.statistics, *(content for content in hostile if len(content) < 2000)]

    @cached_property
    def weights(self) -> list[bytes]:
        """Files `policy.pth`, of the form since torch 1.6 and of the one before."""
        import torch

        from tests.hostile.weights import saved

        state = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2).half(), "b": torch.tensor(True)}
        state["view"] = state["a.weight"].T
        return [
            saved(state), saved(state, _use_new_zipfile_serialization=False), saved({}),
            *(members["policy.pth"] for members in self.agents.values()),
        ]  # fmt: skip

    @cached_property
    def weight_pickles(self) -> list[tuple[bytes, dict[str, bytes]]]:
        """What `policy.pth` holds: its pickle, and the other members."""
        found = []
        for content in self.weights:
            if content[:2] == b"PK":
                with zipfile.ZipFile(io.BytesIO(content)) as archive:
                    members = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
                found.append((members.pop("data.pkl"), members))
        return found

    @cached_property
    def recordings(self) -> dict[str, dict[str, bytes]]:
        """By kind the files of a recording; one of them is in parts."""
        found = {}
        for kind in RECORDINGS:
            place = self._folder / "recordings" / kind
            found[kind] = {
                file.relative_to(place).as_posix(): file.read_bytes() for file in place.rglob("*") if file.is_file()
            }
        return found | {"parts": in_parts(found["vector"], 2)}


def in_parts(whole: dict[str, bytes], count: int) -> dict[str, bytes]:
    """A recording in parts, each the same."""
    root = json.loads(whole["zarr.json"])
    facts = root["attributes"]
    names = [f"parts/{number:06d}-0123abcd" for number in range(count)]
    part = {"steps": facts["committed_steps"], "episodes": facts["committed_episodes"]}
    attributes = facts | {
        "format_version": 2,
        "parts": [{"path": name, **part} for name in names],
        "committed_steps": count * part["steps"],
        "committed_episodes": count * part["episodes"],
    }
    document = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    files = {f"{name}/{file}": content for name in names for file, content in whole.items()}
    agent = {file: content for file, content in whole.items() if file.startswith("agent/")}
    return files | agent | {"zarr.json": json.dumps(document).encode()}
