"""What is done to a stranger's file in the arena; each function takes plain JSON and returns it."""

import pickle
from typing import Any


def prepare() -> None:
    """Import all that reading needs, so that what is imported later is the file's doing."""
    import gymnasium
    import sb3_contrib
    import stable_baselines3
    import torch
    import xarray
    import zarr

    from workbench import cli, exports, policies, recording

    del gymnasium, sb3_contrib, stable_baselines3, xarray, zarr, cli, exports, policies, recording
    torch.set_num_threads(1)
    rehearse()


def rehearse() -> None:
    """Do all that is done here once to sound files: what libraries import late, they import now."""
    import tempfile
    from pathlib import Path

    from stable_baselines3 import PPO

    from tests.hostile.tampering import make_sound
    from tests.policies.toy import make_agent, save

    with tempfile.TemporaryDirectory() as folder:
        path, _ = save(make_agent(PPO, "vector", n_steps=8, batch_size=8), Path(folder))
        load_agent(f"ppo:{path}", environment=True)
        recording = make_sound(Path(folder))
        read_recording(str(recording))
        (Path(folder) / "exports").mkdir()
        export_recording(str(recording), f"{folder}/exports")
        list_folder(folder)
        rebuild_agent(str(recording))


def unpickle(content: str) -> None:
    """Do what the workbench never does: follow a pickle (in latin-1) with the real reader."""
    pickle.loads(content.encode("latin-1"))


def read_pickle(content: str) -> str:
    """Read a pickle inertly, and make of it whatever can be made."""
    from workbench.errors import WorkbenchError
    from workbench.policies.inert_numpy import read_array
    from workbench.policies.inert_pickle import InertPickleError, read_inert, shown
    from workbench.policies.inert_spaces import read_space

    try:
        record = read_inert(content.encode("latin-1"))
        for make in (read_space, read_array):
            try:
                make(record)
            except InertPickleError as error:
                str(error)
    except InertPickleError as error:
        raise WorkbenchError(str(error)) from error
    return shown(record)


def load_agent(spec: str, environment: bool, statistics: str | None = None) -> Any:
    """Load an agent, with or without an environment at hand, and let it act once."""
    import numpy as np

    from tests.policies.toy import DISCRETE, VECTOR, ToyEnvironment, sample
    from workbench.policies import fingerprint, load_policy

    policy = load_policy(
        spec, environment=ToyEnvironment(VECTOR, DISCRETE) if environment else None, vec_normalize=statistics
    )
    batch = sample(VECTOR, 3)
    choice = policy.act(batch, policy.initial_state(3), np.ones(3, bool), deterministic=True)
    return {"fingerprint": fingerprint(policy), "actions": np.asarray(choice.actions).tolist()}


def read_statistics(path: str) -> list[str]:
    """Read a file of VecNormalize."""
    from workbench.policies.normalisation import read_normalisation

    return sorted(read_normalisation(path))


def misbehave(how: str, folder: str) -> Any:
    """Do one of the things that the arena has to notice."""
    from pathlib import Path

    if how == "grow":
        return len(bytearray(b"x") * (1 << 30))
    if how == "hang":
        import time

        time.sleep(60)
    if how == "crash":
        import ctypes

        ctypes.string_at(0)
    if how == "raise":
        raise KeyError("where")
    if how == "write":
        (Path(folder) / "file").write_text("x")
    if how == "import":
        import contextlib
        import importlib

        with contextlib.suppress(ImportError):
            importlib.import_module("stranger_module")
    if how == "spawn":
        import subprocess

        subprocess.run(["true"], check=True)
    return how


def refuse(message: str) -> None:
    """Say no as the workbench does."""
    from workbench.errors import WorkbenchError

    raise WorkbenchError(message)


def read_recording(path: str) -> dict[str, str]:
    """Open a recording and look at all of it."""
    from workbench.recording import open_recording

    return look_at(open_recording(path))


def look_at(recording: Any, *, most_arrays: int | None = None) -> dict[str, str]:
    """Do with a recording all that reads it and writes nothing; tell of each part how it ended.

    Args:
        recording: An open one.
        most_arrays: How many arrays of a group are looked at; None for all.
    """
    import itertools
    import json

    from workbench.cli.info import describe
    from workbench.cli.table import to_json
    from workbench.figures.player import default_layer, episode_payload

    def arrays() -> None:
        for group in (recording.steps, recording.activations, recording.state, recording.agent_arrays()):
            for array in itertools.islice(group.values(), most_arrays):
                _try(told, f"array {array.name[:40]}", lambda array=array: _look_at(array))

    def episodes() -> None:
        for number in range(min(5, recording.number_of_episodes)):
            episode = recording.episode(number)
            str((repr(episode), episode.seed, episode.total_reward))
            if episode.length < 10_000:
                recording.final_frame(number)
                for key in (None, "image"):
                    _try(told, f"observations {key}", lambda key=key, episode=episode: episode.observations(key))

    def player() -> None:
        layer = default_layer(recording) if recording.layers else None
        json.dumps(episode_payload(recording, 0, layer=layer, start=0, stop=20))

    told: dict[str, str] = {}
    for name, part in {
        "summary": lambda: (to_json(recording.summary()), describe(recording.summary())),
        "texts": lambda: (repr(recording), recording._repr_html_()),
        "arrays": arrays,
        "episodes": episodes,
        "tree": lambda: str(recording.to_xarray()),
        "player": player,
        "replay": lambda: recording.replay(min(3, len(recording) - 1)).exact,
    }.items():
        _try(told, name, part)
    return told


def _try(told: dict[str, str], name: str, part: Any) -> None:
    from workbench.errors import WorkbenchError

    try:
        part()
        told[name] = "done"
    except WorkbenchError as error:
        told[name] = f"refused: {error}"


def _look_at(array: Any) -> None:
    import numpy as np

    str((repr(array), array.dimensions, array.attributes, array.nbytes))
    if not array.ndim:
        array[...]
    elif len(array):
        for key in (0, -1, slice(0, 3), np.array([len(array) - 1, 0])):
            array[key]
        if array.nbytes < 1 << 28:
            array[:: max(1, len(array) // 3)]


def export_recording(path: str, folder: str) -> dict[str, str]:
    """Write a recording in every format that needs no packages of its own."""
    from pathlib import Path

    from workbench.exports import export
    from workbench.recording import open_recording

    recording = open_recording(path)
    told: dict[str, str] = {}
    for kind in ("html", "csv", "npz", "gif"):
        options = {"layer": "*"} if kind == "npz" else {}
        if kind in ("csv", "npz") and len(recording) > 1_000_000:
            continue  # what is asked for is as long as it is
        _try(told, kind, lambda kind=kind, options=options: export(recording, kind, Path(folder) / kind, **options))
    return told


def list_folder(path: str) -> list[str]:
    """List the recordings of a folder, as `workbench list` and the dashboard do."""
    from workbench.cli.listing import _row
    from workbench.cli.table import to_json
    from workbench.recording import BrokenRecording, list_recordings

    listed = list_recordings(path)
    to_json([one for one in listed if isinstance(one, dict)])
    return [f"broken: {one.reason}" if isinstance(one, BrokenRecording) else " ".join(_row(one)) for one in listed]


def rebuild_agent(path: str) -> str:
    """Build the agent that a recording keeps, without trust."""
    from workbench.policies import fingerprint
    from workbench.recording import open_recording

    return fingerprint(open_recording(path).policy())


def show_recording(path: str) -> dict[str, str]:
    """What a notebook shows of a recording."""
    from workbench.recording import open_recording

    recording = open_recording(path)
    return {"html": recording._repr_html_(), "text": repr(recording)}


def command_line(words: list[str]) -> list[Any]:
    """Run a command in this process; its exit status, and what it printed and complained."""
    import contextlib
    import io

    from workbench.cli import main

    printed, complained = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(complained):
        status = main(words)
    # A terminal takes UTF-8 alone: what cannot be written there is an error here.
    return [status, printed.getvalue().encode().decode(), complained.getvalue().encode().decode()]


def fuzz(name: str, seed: int, start: int, count: int, corpus: str, folder: str) -> dict[str, Any]:
    """Read some files that are changed at random."""
    from tests.fuzz.batch import run

    return run(name, seed, start, count, corpus, folder)
