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
    # What loading an agent imports the first time.
    load_sound_agent()


def load_sound_agent() -> None:
    """Make, save, load and run an agent."""
    import tempfile
    from pathlib import Path

    from stable_baselines3 import PPO

    from tests.policies.toy import make_agent, save

    with tempfile.TemporaryDirectory() as folder:
        path, _ = save(make_agent(PPO, "vector", n_steps=8, batch_size=8), Path(folder))
        load_agent(f"ppo:{path}", environment=True)


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
