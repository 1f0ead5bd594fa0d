"""The training scripts run, save, and give the same for the same seed; how good their agents are is on the cards."""

from pathlib import Path

import numpy as np
import pytest
import torch
from stable_baselines3 import DQN, PPO, SAC

import agents.cartpole.train
import agents.cheese_maze.train
import agents.cue_recall.train
import agents.lunar_lander.train
import agents.minigrid_doorkey.train
import agents.pendulum.train
from agents.cheese_maze.demonstrations import draw_demonstrations
from agents.cheese_maze.network import MazeNetwork, load
from envs.cheese_maze import CHEESE, MOUSE, WALL, CheeseMaze
from envs.placement import parse_placement


@pytest.mark.parametrize(
    ("module", "steps", "algorithm"),
    [
        (agents.cartpole.train, 512, PPO),
        (agents.pendulum.train, 510, SAC),
        (agents.minigrid_doorkey.train, 100, DQN),
        (agents.lunar_lander.train, 100, DQN),
        (agents.cue_recall.train, 1024, None),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_trains_saves_and_repeats_itself(module, steps: int, algorithm, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    states = []
    for folder in (tmp_path / "first", tmp_path / "second"):
        model = module.train(module.Options(seed=3, timesteps=steps, out=folder))
        states.append(model.policy.state_dict())
        assert (folder / "training.json").is_file()
    for name, tensor in states[0].items():
        assert tensor.equal(states[1][name])
    if algorithm is not None:
        loaded = algorithm.load(tmp_path / "first" / "weights.zip")  # the library takes it as its own
        for name, tensor in loaded.policy.state_dict().items():
            assert tensor.equal(states[0][name])


@pytest.mark.torture
def test_the_maze_agent_trains_saves_and_loads(tmp_path: Path) -> None:
    options = agents.cheese_maze.train.Options(
        updates=2, hidden_updates=2, timesteps=128, environments=2, out=tmp_path, checkpoint=tmp_path / "imitated"
    )
    network = agents.cheese_maze.train.train(options)
    policy = load(tmp_path / "corner.pt", None, name="test", spec="test")
    for name, tensor in network.state_dict().items():
        assert tensor.equal(policy.module.state_dict()[name])
    again = agents.cheese_maze.train.train(options)  # from the checkpoint
    for name, tensor in network.state_dict().items():
        assert tensor.equal(again.state_dict()[name])
    imitated = torch.load(tmp_path / "imitated", weights_only=True)
    assert not imitated["action_head.weight"].equal(network.action_head.weight)


@pytest.mark.torture
@pytest.mark.sampled(2)
@pytest.mark.parametrize("cheese", ["top-right 5x5", "anywhere"])
def test_demonstrations_are_the_environments_own_states_and_the_solvers_actions(cheese: str) -> None:
    mask = parse_placement(cheese).mask(13)
    drawn = draw_demonstrations(200, mask, np.random.default_rng(0))
    environment = CheeseMaze()
    environment.reset(seed=0)
    for image, action, distance in zip(drawn.images, drawn.actions, drawn.distances, strict=True):
        walls = (image == WALL).all(axis=-1)
        mouse, lain = (np.argwhere((image == colour).all(axis=-1)) for colour in (MOUSE, CHEESE))
        assert len(mouse) == len(lain) == 1
        assert mask[tuple(lain[0])]
        state = {"walls": walls, "size": 13, "mouse": mouse[0], "cheese": lain[0], "elapsed": 0, "over": False}
        np.testing.assert_array_equal(environment.set_state(state), image)
        assert environment.truth()["optimal_action"] == action
        assert environment.truth()["distance"] == distance


def test_hidden_cheese_is_not_shown() -> None:
    drawn = draw_demonstrations(400, np.ones((13, 13), dtype=bool), np.random.default_rng(0), hidden=0.5)
    shown = (drawn.images == CHEESE).all(axis=-1).any(axis=(1, 2)).mean()
    assert 0.4 < shown < 0.6


def test_the_network_has_as_many_parameters_as_it_says() -> None:
    assert round(sum(parameter.numel() for parameter in MazeNetwork().parameters()), -3) == 165_000
