import time

import pytest
from stable_baselines3 import PPO

from tests.views.conftest import run_page, table_rows
from workbench import open_recording
from workbench.errors import WorkbenchError
from workbench.views.background import RecordingQueue, RecordingRequest, recording_job
from workbench.views.recording_progress import recording_queue


@pytest.fixture
def agent(root):
    """A freshly made PPO agent for CartPole in the folder."""
    model = PPO("MlpPolicy", "CartPole-v1", n_steps=32, batch_size=32, device="cpu", seed=0)
    model.save(root / "agent.zip")
    return root / "agent.zip"


def request(agent, **changes):
    facts = {
        "policy": f"ppo:{agent}",
        "environment": "CartPole-v1",
        "out": agent.parent / "new.zarr",
        "episodes": 2,
        "seed": 0,
        "deterministic": True,
        "frames": False,
    }
    return RecordingRequest(**(facts | changes))


def test_a_recording_is_made_in_the_background(agent):
    job = recording_job(request(agent))
    job.start()
    assert job.wait(60)
    assert (job.error, job.cancelled, job.done) == (None, False, 2)
    assert open_recording(agent.parent / "new.zarr").complete


def test_a_cancelled_recording_is_valid(agent):
    job = recording_job(request(agent, episodes=100_000))
    job.start()
    while job.running and job.done < 5:
        time.sleep(0.02)
    job.cancel()
    assert job.wait(60)
    assert (job.error, job.cancelled) == (None, True)
    recording = open_recording(agent.parent / "new.zarr")
    assert recording.ended == "cancelled"
    assert recording.number_of_steps > 0
    assert len(recording.steps["reward"][:]) == recording.number_of_steps


def test_what_goes_wrong_is_said(agent):
    job = recording_job(request(agent, environment="Pendulum-v1"))
    job.start()
    assert job.wait(60)
    assert job.error is not None


def test_one_recording_at_a_time(agent):
    queue = RecordingQueue()
    job = queue.start(request(agent, episodes=100_000))
    with pytest.raises(WorkbenchError, match="Another recording"):
        queue.start(request(agent))
    job.cancel()
    assert job.wait(60)


def fill(app, **values):
    for key, value in values.items():
        next(w for w in [*app.text_input, *app.number_input, *app.toggle] if w.key == f"recording.{key}").set_value(
            value
        )
    app.button[-1].click()
    return app.run()


def test_the_form_records(agent):
    app = run_page("recordings")
    fill(app, policy="ppo:agent.zip", environment="CartPole-v1", episodes=2, frames=False)
    assert not app.exception
    assert not app.error
    job = recording_queue().job
    assert job is not None
    assert job.wait(60)
    app.run()
    assert "2 of 2 episodes" in app.success[0].value
    assert [row["name"] for row in table_rows(app)] == ["ppo-cartpole-v1-seed0.zarr"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"policy": "", "environment": "CartPole-v1"}, "Type a policy"),
        ({"policy": "os:system", "environment": "CartPole-v1"}, "should be KIND:PATH"),
        ({"policy": "ppo:missing.zip", "environment": "CartPole-v1"}, "There is no file"),
        ({"policy": "ppo:agent.zip", "environment": ""}, "Type an environment"),
        ({"policy": "ppo:agent.zip", "environment": "CartPole-v1", "name": "../out"}, "letters, digits"),
    ],
)
def test_the_form_says_what_is_wrong(agent, values, message):
    app = fill(run_page("recordings"), **values)
    assert message in " ".join(error.value.replace("\\", "") for error in app.error)
    assert recording_queue().job is None
