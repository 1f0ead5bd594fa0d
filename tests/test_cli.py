"""The commands, as scripts call them: their output, their exit status, and what they say of bad input."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from stable_baselines3 import DQN, PPO

from workbench.cli import main
from workbench.cli.option_kinds import UsageError, parse_keyword_arguments
from workbench.cli.options import ExportFormat, RecordOptions
from workbench.cli.table import format_bytes, format_table, to_json

WORKBENCH = (sys.executable, "-m", "workbench")

ENVIRONMENTS = '''
import gymnasium
import numpy as np
import torch
from torch import nn
from workbench import PolicyOutput
from workbench.policies import ModulePolicy


class Raising(gymnasium.Wrapper):
    """CartPole that breaks at its 40th step in all."""

    steps = 0

    def step(self, action):
        Raising.steps += 1
        if Raising.steps == 40:
            raise RuntimeError("the joint came off")
        return self.env.step(action)


class Slow(gymnasium.Wrapper):
    def step(self, action):
        import time
        time.sleep(0.01)
        observation, reward, _, _, info = self.env.step(action)
        return observation, reward, False, False, info


gymnasium.register("Raising-v0", lambda: Raising(gymnasium.make("CartPole-v1")))
gymnasium.register("Slow-v0", lambda: Slow(gymnasium.make("CartPole-v1")))


class Broken(nn.Module):
    """Divides by zero as soon as the cart is moving."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 4)
        self.outer = nn.Linear(4, 2)

    def forward(self, inputs):
        return self.outer(torch.nan_to_num(self.inner(inputs * torch.inf)))


def make_broken(environment):
    return ModulePolicy(
        Broken(),
        environment.observation_space,
        environment.action_space,
        forward=lambda module, inputs, state, starts: PolicyOutput(logits=module(inputs)),
    )


def not_a_policy(environment):
    return 3
'''


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two untrained agents and a module of odd environments."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "odd.py").write_text(ENVIRONMENTS)
    PPO("MlpPolicy", "CartPole-v1", seed=0, n_steps=8, batch_size=8, device="cpu").save(folder / "ppo.zip")
    DQN("MlpPolicy", "CartPole-v1", seed=0, buffer_size=10, device="cpu").save(folder / "dqn.zip")
    (folder / "text.zip").write_text("not a zip")
    return folder


def workbench(*words: str, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*WORKBENCH, *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, **environment},
    )


@dataclass(frozen=True)
class Run:
    """What came of a command."""

    returncode: int
    stdout: str
    stderr: str


Call = Callable[..., Run]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run a command in this process: a hundred times faster than in one of its own."""

    def run(*words: str, cwd: Path) -> Run:
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "path", list(sys.path))
        capsys.readouterr()
        with warnings.catch_warnings():
            status = main(words)
        told = capsys.readouterr()
        return Run(status, told.out, told.err)

    return run


@pytest.fixture(scope="module")
def recording(place: Path) -> Path:
    run = workbench(
        "record", "ppo:ppo.zip", "CartPole-v1", "--episodes", "5", "--seed", "3", "--envs", "2", "--frames",
        "--out", "runs/a.zarr", cwd=place,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert "5 episodes" in run.stdout
    return place / "runs" / "a.zarr"


def test_record_and_info_agree_with_python(recording: Path, place: Path) -> None:
    run = workbench("info", "runs/a.zarr", "--json", cwd=place)
    assert (run.returncode, run.stderr) == (0, "")
    facts = json.loads(run.stdout)
    expected = {
        "policy": "ppo:ppo.zip",
        "algorithm": "PPO",
        "environment": "CartPole-v1",
        "seed": 3,
        "deterministic": True,
        "episodes": 5,
        "complete": True,
        "ended": "finished",
    }
    assert {key: facts[key] for key in expected} == expected
    import workbench as library

    opened = library.open_recording(recording)
    assert facts["steps"] == len(opened)
    assert facts["mean_return"] == pytest.approx(np.mean(opened.episodes["return"]))
    assert facts["std_return"] == pytest.approx(np.std(opened.episodes["return"]))
    assert facts["bytes_on_disk"] == sum(file.stat().st_size for file in recording.rglob("*") if file.is_file())
    assert facts["layers"]["action_net"]["shape"] == [2]
    assert facts["layers"]["action_net"]["dtype"] == "float32"
    assert {"torch", "zarr", "gymnasium", "rl-workbench"} <= facts["versions"].keys()
    assert list(opened.episodes["seed"]) == [3, 4, 5, 6, 7]


def test_info_for_people_names_layers_and_the_return(call: Call, recording: Path, place: Path) -> None:
    told = call("info", "runs/a.zarr", cwd=place).stdout
    assert "mlp_extractor.policy_net.0" in told
    assert "CartPole-v1" in told
    assert re.search(r"return +mean \d.* 95 % interval .* to .* \(Student's t, n = 5 episodes\)", told)


def test_returns_that_are_all_alike_are_not_given_an_interval_of_no_width(call: Call, place: Path) -> None:
    run = call(
        "record", "ppo:ppo.zip", "CartPole-v1", "--episodes", "6", "--wrappers", "time_limit:5",
        "--out", "alike/a.zarr", cwd=place,
    )  # fmt: skip
    words = "5 in all 6 episodes; another outcome is no likelier than 40 % (95 %)"
    assert f"mean return {words}" in run.stdout
    assert words in call("info", "alike/a.zarr", cwd=place).stdout
    assert "5 [all alike; other ≤ 40 %]" in call("list", "alike", cwd=place).stdout
    facts = json.loads(call("info", "alike/a.zarr", "--json", cwd=place).stdout)
    assert facts["return_interval_95"] is None
    assert facts["return_interval_method"] == "all_alike"
    assert facts["return_in_words"] == words
    assert facts["other_return_at_most_95"] == pytest.approx(0.402, abs=1e-3)


def test_list_shows_good_and_broken_recordings(call: Call, recording: Path, place: Path, tmp_path: Path) -> None:
    listed = json.loads(call("list", "runs", "--json", cwd=place).stdout)
    assert [entry["path"] for entry in listed] == ["runs/a.zarr"]
    (tmp_path / "broken.zarr").mkdir()
    (tmp_path / "broken.zarr" / "zarr.json").write_text("{")
    [broken] = json.loads(call("list", str(tmp_path), "--json", cwd=place).stdout)
    assert broken.keys() == {"path", "error"}
    told = call("list", str(tmp_path), cwd=place)
    assert told.returncode == 0
    assert "cannot be opened" in told.stdout


def test_an_empty_folder_is_listed_as_empty(call: Call, tmp_path: Path) -> None:
    assert json.loads(call("list", ".", "--json", cwd=tmp_path).stdout) == []
    assert "No recordings" in call("list", ".", cwd=tmp_path).stdout


def test_layers_wrappers_sampling_and_steps_are_passed_on(call: Call, place: Path) -> None:
    run = call(
        "record", "ppo:ppo.zip", "CartPole-v1", "--steps", "30", "--envs", "2", "--stochastic",
        "--layers", "*value_net*", "action_net", "--wrappers", "time_limit:7", "--out", "runs/b.zarr", cwd=place,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    facts = json.loads(call("info", "runs/b.zarr", "--json", cwd=place).stdout)
    assert facts["deterministic"] is False
    assert facts["wrappers"] == ["time_limit:7"]
    assert facts["mean_length"] == 7
    assert facts["steps"] >= 30
    assert all("value_net" in name or name == "action_net" for name in facts["layers"])
    assert "action_net" in facts["layers"]


@pytest.mark.parametrize(
    ("form", "suffix"), [("npz", ".npz"), ("csv", ".csv"), ("gif", ".gif"), ("mp4", ".mp4"), ("html", ".html")]
)
def test_export_writes_a_file_and_prints_its_path(
    call: Call, recording: Path, place: Path, form: str, suffix: str
) -> None:
    options = ["--layer", "action_net"] if form == "npz" else []
    run = call("export", "runs/a.zarr", "--format", form, "--episode", "1", *options, cwd=place)
    assert run.returncode == 0, run.stderr
    written = place / run.stdout.strip()
    assert written.suffix == suffix
    assert written.stat().st_size > 0
    again = call("export", "runs/a.zarr", "--format", form, "--episode", "1", *options, cwd=place)
    assert again.returncode == 1
    assert "exists already" in again.stderr


def test_export_to_minari_writes_a_dataset_that_imports(call: Call, recording: Path, place: Path) -> None:
    run = call("export", "runs/a.zarr", "--format", "minari", "--dataset-id", "pole-v0", cwd=place)
    assert run.returncode == 0, run.stderr
    from workbench.exports import import_minari

    imported = import_minari(place / run.stdout.strip(), out=place / "imported.zarr")
    facts = json.loads(call("info", "runs/a.zarr", "--json", cwd=place).stdout)
    assert imported.number_of_episodes == facts["episodes"]
    assert len(imported) == facts["steps"]


BAD_RECORDS = {
    "no file": (["ppo:nowhere.zip", "CartPole-v1"], ["nowhere.zip"]),
    "not a zip": (["ppo:text.zip", "CartPole-v1"], ["text.zip"]),
    "another algorithm": (["dqn:ppo.zip", "CartPole-v1"], ["DQN", "ppo:ppo.zip"]),
    "no such kind": (["zzz:ppo.zip", "CartPole-v1"], ["zzz", "recurrent_ppo"]),
    "no colon": (["ppo.zip", "CartPole-v1"], ["KIND:PATH"]),
    "no such module": (["nowhere:make", "CartPole-v1"], ["nowhere"]),
    "no such function": (["odd:nowhere", "CartPole-v1"], ["odd", "nowhere"]),
    "a factory of something else": (["odd:not_a_policy", "CartPole-v1"], ["int", "Policy"]),
    "other observations": (["ppo:ppo.zip", "Acrobot-v1"], ["(4,)", "(6,)"]),
    "other actions": (["ppo:ppo.zip", "odd:Nowhere-v0"], ["Nowhere"]),
    "no such environment": (["ppo:ppo.zip", "Nowhere-v0"], ["Nowhere"]),
    "no such layer": (["ppo:ppo.zip", "CartPole-v1", "--layers", "cnn*"], ["cnn*", "mlp_extractor.policy_net.0"]),
    "no such wrapper": (["ppo:ppo.zip", "CartPole-v1", "--wrappers", "nowhere"], ["nowhere", "frame_stack"]),
    "no such option": (
        ["ppo:ppo.zip", "CartPole-v1", "--env-kwargs", "gravity=3"],
        ["The environment 'CartPole-v1' has no option 'gravity'; it has: sutton_barto_reward.\n"],
    ),
    "no such option of a module's": (
        ["ppo:ppo.zip", "envs:CueRecall-v0", "--env-kwargs", "colour=3"],
        ["The environment 'envs:CueRecall-v0' has no option 'colour'; it has: symbols, cue_steps, delay.\n"],
    ),
    "an option out of its range": (
        ["ppo:ppo.zip", "envs:CheeseMaze-v0", "--env-kwargs", "size=4"],
        ["cannot be made with {'size': 4}: size must be odd", "got 4\n"],
    ),
    "no statistics": (["ppo:ppo.zip", "CartPole-v1", "--vec-normalize", "nowhere.pkl"], ["nowhere.pkl"]),
    "other statistics": (["ppo:ppo.zip", "CartPole-v1", "--vec-normalize", "ppo.zip"], ["VecNormalize"]),
    "no episodes": (["ppo:ppo.zip", "CartPole-v1", "--episodes", "0"], ["at least 1"]),
    "a place that is taken": (["ppo:ppo.zip", "CartPole-v1", "--out", "odd.py"], ["odd.py", "exists"]),
    "a place below a file": (["ppo:ppo.zip", "CartPole-v1", "--out", "odd.py/x.zarr"], ["odd.py"]),
}


@pytest.mark.parametrize("case", BAD_RECORDS)
def test_bad_input_is_a_clear_line(call: Call, place: Path, case: str) -> None:
    words, parts = BAD_RECORDS[case]
    out = [] if "--out" in words else ["--out", "bad.zarr"]
    run = call("record", *words, *out, cwd=place)
    assert run.returncode == 1, run.stderr
    assert run.stdout == ""
    assert len(run.stderr.splitlines()) <= 2, run.stderr
    assert "Traceback" not in run.stderr
    assert "defect" not in run.stderr, run.stderr
    for part in parts:
        assert part in run.stderr
    assert not (place / "bad.zarr").exists()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["record", "ppo:ppo.zip"], "ENV"),
        (["record", "a:b", "c", "--episods", "3"], "--episodes"),
        (["record", "a:b", "c", "--episodes", "many"], "many"),
        (["record", "a:b", "c", "--device", "tpu"], "tpu"),
        (["record", "a:b", "c", "--stochastic", "--deterministic"], "exclude"),
        (["record", "a:b", "c", "--env-kwargs", "size"], "size"),
        (["export", "a"], "--format"),
        (["recrod"], "recrod"),
        ([], "record"),
    ],
)
def test_a_wrong_command_line_is_status_2(call: Call, tmp_path: Path, words: list[str], part: str) -> None:
    run = call(*words, cwd=tmp_path)
    assert run.returncode == 2
    assert part in run.stderr
    assert len(run.stderr.splitlines()) <= 2


@pytest.mark.parametrize("command", ["info", "export"])
def test_what_is_no_recording_is_said_to_be_none(call: Call, place: Path, command: str) -> None:
    options = ["--format", "csv"] if command == "export" else []
    for path in ("nowhere.zarr", "odd.py", "."):
        run = call(command, path, *options, cwd=place)
        assert run.returncode == 1
        assert path in run.stderr
        assert "defect" not in run.stderr


def test_a_broken_recording_is_an_error_without_a_traceback(call: Call, place: Path, tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group", "attributes": {}}')
    run = call("info", "a.zarr", cwd=tmp_path)
    assert run.returncode == 1
    assert "rl-workbench-recording" in run.stderr


@pytest.mark.torture
def test_an_environment_that_raises_leaves_what_was_recorded(place: Path) -> None:
    run = workbench(
        "record", "ppo:ppo.zip", "odd:Raising-v0", "--episodes", "50", "--envs", "1", "--out", "runs/r.zarr", cwd=place
    )
    assert run.returncode == 1
    assert "the joint came off" in run.stderr
    assert "defect" not in run.stderr
    facts = json.loads(workbench("info", "runs/r.zarr", "--json", cwd=place).stdout)
    assert facts["complete"] is False
    assert facts["ended"].startswith("failed")
    assert "the joint came off" in facts["ended"]
    assert facts["steps"] == 39


def test_activations_that_are_not_finite_are_counted_and_said(call: Call, place: Path) -> None:
    run = call("record", "odd:make_broken", "CartPole-v1", "--episodes", "2", "--out", "runs/n.zarr", cwd=place)
    assert run.returncode == 0, run.stderr
    assert "not finite" in run.stdout
    facts = json.loads(call("info", "runs/n.zarr", "--json", cwd=place).stdout)
    assert facts["non_finite"]["activations/inner"] > 0
    assert facts["layers"]["inner"]["non_finite"] == facts["non_finite"]["activations/inner"]


@pytest.mark.torture
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_keeps_what_was_recorded(place: Path) -> None:
    process = subprocess.Popen(
        [
            *WORKBENCH,
            "record",
            "ppo:ppo.zip",
            "odd:Slow-v0",
            "--episodes",
            "2",
            "--out",
            "runs/i.zarr",
        ],
        cwd=place,
        stderr=subprocess.PIPE,
        text=True,
        # Whatever started the tests in the background may have had it ignored, which a process inherits.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    metadata = place / "runs" / "i.zarr" / "zarr.json"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not _committed(metadata):
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Kept" in told
    assert len(told.splitlines()) <= 2
    facts = json.loads(workbench("info", "runs/i.zarr", "--json", cwd=place).stdout)
    assert facts["ended"] == "interrupted"
    assert facts["steps"] > 0


def _committed(metadata: Path) -> int:
    try:
        return int(json.loads(metadata.read_text())["attributes"]["committed_steps"])
    except (OSError, ValueError, KeyError):
        return 0


def test_help_and_imports_load_neither_torch_nor_streamlit() -> None:
    heavy = "{'torch', 'streamlit', 'zarr', 'gymnasium', 'matplotlib', 'stable_baselines3', 'numpy'}"
    for statement in ("import workbench, workbench.cli", "from workbench.cli import main; main(['record', '--help'])"):
        check = (
            f"import sys; {statement}; loaded = {heavy} & set(sys.modules); sys.exit(f'{{loaded}}' if loaded else 0)"
        )
        run = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
        assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("command", ["record", "list", "info", "export", "saliency", "intervene", "app"])
def test_every_command_has_help(call: Call, tmp_path: Path, command: str) -> None:
    run = call(command, "--help", cwd=tmp_path)
    assert run.returncode == 0
    assert "--" in run.stdout
    assert command in call("--help", cwd=tmp_path).stdout


def test_the_help_names_every_kind_of_agent(call: Call, tmp_path: Path) -> None:
    from workbench.policies.kinds import KIND_NAMES

    assert set(KIND_NAMES) <= set(re.findall(r"\w+", call("record", "--help", cwd=tmp_path).stdout))


def test_version(call: Call, tmp_path: Path) -> None:
    assert call("--version", cwd=tmp_path).stdout.startswith("workbench 0.")
    assert "--version" in call("--help", cwd=tmp_path).stdout


def test_a_reader_that_goes_away_is_no_error(recording: Path, place: Path) -> None:
    run = subprocess.run(
        f"{sys.executable} -m workbench info runs/a.zarr | head -n 1 >/dev/null",
        shell=True, cwd=place, capture_output=True, text=True,
    )  # fmt: skip
    assert run.stderr == ""


def test_app_serves_on_the_loopback(recording: Path, place: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [*WORKBENCH, "app", "runs", "--port", str(port)],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        assert f"http://127.0.0.1:{port}" in said
        assert _answers(f"http://127.0.0.1:{port}/_stcore/health")
        taken = workbench("app", "runs", "--port", str(port), cwd=place)
        assert taken.returncode == 1
        assert str(port) in taken.stderr
    finally:
        process.terminate()
        rest, _ = process.communicate(timeout=30)
    assert str(port) not in rest  # the address is said once


def _answers(url: str) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    return False


def test_app_needs_a_folder(call: Call, tmp_path: Path) -> None:
    run = call("app", "nowhere", cwd=tmp_path)
    assert run.returncode == 1
    assert "nowhere" in run.stderr


def test_the_formats_of_the_command_line_are_those_there_are() -> None:
    from typing import get_args

    from workbench.exports import FORMATS

    assert set(get_args(ExportFormat)) == set(FORMATS)


def test_the_help_names_every_kind_of_policy(tmp_path: Path) -> None:
    from workbench.policies.kinds import KIND_NAMES

    told = workbench("record", "--help", cwd=tmp_path, COLUMNS="200").stdout
    assert not [kind for kind in KIND_NAMES if kind not in told]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("size=15", "cheese=anywhere"), {"size": 15, "cheese": "anywhere"}),
        (('{"size": 15, "where": [1, 2]}',), {"size": 15, "where": [1, 2]}),
        (("slippery=false", "name=top-right 5x5"), {"slippery": False, "name": "top-right 5x5"}),
        ((), {}),
    ],
)
def test_keyword_arguments(words: tuple[str, ...], expected: dict[str, object]) -> None:
    assert parse_keyword_arguments(words) == expected


@pytest.mark.parametrize("word", ["size", "=3", "{bad", "two words=3"])
def test_wrong_keyword_arguments(word: str) -> None:
    with pytest.raises(UsageError):
        parse_keyword_arguments((word,))


@pytest.mark.parametrize(
    ("policy", "environment", "name"),
    [
        ("ppo:path/to/agent.zip", "CartPole-v1", "ppo-agent-CartPole-v1-seed0.zarr"),
        ("ppo:agents/CartPole-v1.zip", "CartPole-v1", "ppo-CartPole-v1-seed0.zarr"),
        ("my_agents:make", "envs:CheeseMaze-v0", "my_agents-make-CheeseMaze-v0-seed0.zarr"),
        ("dqn:a.zip", "ALE/Pong-v5", "dqn-a-ALE-Pong-v5-seed0.zarr"),
    ],
)
def test_the_name_of_a_recording_that_was_given_none(policy: str, environment: str, name: str) -> None:
    assert RecordOptions(policy=policy, environment=environment).path == f"runs/{name}"


def test_json_has_null_for_what_is_not_finite() -> None:
    assert json.loads(to_json({"a": float("nan"), "b": [1.5, float("inf")]})) == {"a": None, "b": [1.5, None]}


def test_tables_align() -> None:
    table = format_table(("name", "n"), [("a", "1"), ("long name", "1,000")], right=(1,)).splitlines()
    assert table == ["name           n", "─────────  ─────", "a              1", "long name  1,000"]


def test_sizes() -> None:
    assert [format_bytes(n) for n in (0, 999, 1000, 12_345_678)] == ["0 B", "999 B", "1 kB", "12.3 MB"]
