from pathlib import Path

import gymnasium
import pytest

import workbench
from agents import AGENTS, Agent, find_agent
from agents.cards import read_card, stated
from agents.catalogue import FOLDER
from agents.record_all import Options, main
from agents.trials import TRIALS
from workbench.recording.environments import make_environment

CARDS = sorted({agent.card for agent in AGENTS})
WEIGHTS = [*FOLDER.glob("*/weights.zip"), *FOLDER.glob("*/*.pt")]


def made(agent: Agent) -> gymnasium.Env:  # type: ignore[type-arg]
    return make_environment(agent.environment, kwargs=agent.environment_options, wrappers=agent.wrappers)


def test_names_are_unique() -> None:
    assert len({agent.name for agent in AGENTS}) == len(AGENTS)
    assert len({(trial.card, trial.name) for trial in TRIALS}) == len(TRIALS)


def test_the_weights_are_small() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS) <= 2_000_000


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.name)
def test_records_without_trusting_a_pickle_and_comes_back(agent: Agent, tmp_path: Path) -> None:
    recording = workbench.record(
        agent.policy,
        agent.environment,
        out=tmp_path / "recording.zarr",
        steps=20,
        environments=2,
        env_kwargs=agent.environment_options,
        wrappers=agent.wrappers,
    )
    assert recording.summary()["non_finite"] == {}
    assert len(recording.layers) >= 4
    policy = workbench.load_policy(agent.policy, environment=made(agent))
    again = recording.policy()
    for name, tensor in policy.module.state_dict().items():
        assert tensor.equal(again.module.state_dict()[name])


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_the_card_says_what_it_must(card: Path) -> None:
    facts = read_card(card)
    assert facts["known"]
    assert facts["not_known"]
    page = (card / "card.md").read_text()
    for section in ("How it was trained", "How good it is", "What is known to be true inside", "What is not known"):
        assert f"## {section}" in page
    for sentence in (*facts["known"], *facts["not_known"], facts["training"]["method"]):
        assert sentence in page
    assert facts["training"]["command"].startswith(f"python -m agents.{card.name}.train --seed ")
    for name in facts["files"]:
        assert (card / name).is_file()
    for trial in TRIALS:
        if trial.card == card.name:
            for figure in stated(card, trial.name).values():
                assert figure.n >= 50
                if figure.interval_95 is not None:
                    assert figure.interval_95[0] <= figure.value <= figure.interval_95[1]
                    assert figure.interval_95[0] < figure.interval_95[1]
                else:
                    assert (figure.interval_method, figure.spread) == ("all_alike", 0)
                    assert figure.other_at_most_95 is not None


def test_an_unknown_agent_is_named() -> None:
    with pytest.raises(workbench.WorkbenchError, match="No shipped agent is called 'chess'; there are: cartpole, "):
        find_agent("chess")


def test_the_maze_agent_says_what_images_it_takes() -> None:
    environment = gymnasium.make("envs:CheeseMaze-v0", size=7)
    with pytest.raises(workbench.WorkbenchError, match="observation_size=13"):
        workbench.load_policy(find_agent("cheese_maze").policy, environment=environment)


def test_record_all_records_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = Options(out=tmp_path, only=("cue_recall",), episodes=2)
    assert main(options) == 0
    recording = workbench.open_recording(tmp_path / "cue_recall.zarr")
    assert recording.complete
    assert recording.number_of_episodes == 2
    assert "frame" in recording.steps
    assert main(options) == 0
    assert "is there already" in capsys.readouterr().err
