"""The form for a new recording."""

import re
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from workbench.errors import WorkbenchError
from workbench.policies.kinds import KIND_NAMES
from workbench.recording.named_modules import may_use
from workbench.recording.store import is_recording, occupied
from workbench.views.background import RecordingRequest
from workbench.views.catalogue import AgentChoice
from workbench.views.errors import errors_in_a_box
from workbench.views.recording_progress import recording_queue
from workbench.views.root import root_folder, root_in_words, root_url

OWN = "An agent of your own"


def recording_form() -> None:
    """Draw the form; its button starts the recording in the background."""
    agents: Sequence[AgentChoice] = st.session_state.get("agents", ())
    titles = [*(agent.title for agent in agents), OWN]
    title = st.selectbox("Agent", titles, key="recording.agent", help="Agents that ship with the workbench, or a file")
    shipped = next((agent for agent in agents if agent.title == title), None)
    if shipped is not None and shipped.note:
        st.caption(shipped.note)
    with st.form("recording.form", border=False):
        policy, environment = (shipped.policy, shipped.environment) if shipped is not None else _own_agent()
        left, middle, right = st.columns(3)
        episodes = left.number_input("Episodes", 1, 100_000, 10, key="recording.episodes")
        seed = middle.number_input(
            "Seed of the first episode", 0, 2**31 - 1, 0, key="recording.seed", help="Episode k is reset with seed + k"
        )
        pattern = right.text_input(
            "Layers", key="recording.layers", placeholder="all", help="Module paths or patterns, separated by commas"
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            stochastic = st.toggle("Sample actions", key="recording.stochastic", help="Off: the policy's mode acts")
            frames = st.toggle("Record pictures", value=True, key="recording.frames", help="What the environment draws")
        name = st.text_input("Name", key="recording.name", placeholder="made from agent, environment and seed")
        started = st.form_submit_button("Record", type="primary", icon=":material/fiber_manual_record:")
    if started:
        with errors_in_a_box():
            request = RecordingRequest(
                policy=_checked_policy(policy, shipped is not None),
                environment=_checked_environment(environment, shipped is not None),
                out=_place(name or _default_name(title, shipped, policy, environment, int(seed))),
                episodes=int(episodes),
                seed=int(seed),
                deterministic=not stochastic,
                frames=frames,
                layers=[part.strip() for part in pattern.split(",") if part.strip()] or None,
                wrappers=tuple(shipped.wrappers) if shipped is not None else (),
                environment_options=dict(shipped.environment_options) if shipped is not None else {},
            )
            recording_queue().start(request)
            st.rerun()


def _own_agent() -> tuple[str, str]:
    left, right = st.columns(2)
    policy = left.text_input(
        "Policy",
        key="recording.policy",
        placeholder="ppo:path/to/agent.zip",
        help="KIND:PATH. Kinds: " + ", ".join(KIND_NAMES) + ". Its weights are read; no code in the file is run.",
    )
    environment = right.text_input("Environment", key="recording.environment", placeholder="CartPole-v1")
    return policy, environment


def _required(text: str, what: str) -> str:
    if not text.strip():
        raise WorkbenchError(f"Type {what}.")
    return text.strip()


def _checked_policy(policy: str, shipped: bool) -> str:
    policy = _required(policy, "a policy, such as ppo:path/to/agent.zip")
    kind, _, path = policy.partition(":")
    if shipped:
        return policy
    # `module:factory` would run code, so it is for the command line alone.
    if kind not in KIND_NAMES or not path:
        raise WorkbenchError(
            f"The policy {policy!r} should be KIND:PATH, with KIND one of {', '.join(KIND_NAMES)}. "
            f"An agent that needs code of its own is recorded on the command line: workbench record module:factory ..."
        )
    file = Path(path).expanduser()
    candidates = [Path.cwd() / file]
    if root_url() is None and not file.is_absolute():
        candidates.insert(0, root_folder() / file)
    for candidate in candidates:
        if candidate.is_file():
            return f"{kind}:{candidate.resolve()}"
    raise WorkbenchError(f"There is no file {path!r}; looked for {' and '.join(str(c) for c in candidates)}.")


def _checked_environment(environment: str, shipped: bool) -> str:
    environment = _required(environment, "an environment's name, such as CartPole-v1")
    module, colon, _ = environment.partition(":")
    # `module:Name` imports the module, which would run code as `module:factory` does.
    if colon and not shipped and not may_use(module):
        raise WorkbenchError(
            f"The environment {environment!r} is of the module {module!r}, which this dashboard has not imported, and "
            f"which it does not import because a page names it. Record it on the command line: "
            f"workbench record ... {environment}"
        )
    return environment


def _default_name(title: str, shipped: AgentChoice | None, policy: str, environment: str, seed: int) -> str:
    base = title if shipped is not None else f"{policy.partition(':')[0]}-{environment}"
    return _unused(f"{re.sub(r'[^A-Za-z0-9]+', '-', base).strip('-').lower()}-seed{seed}")


def _unused(name: str) -> str:
    number, candidate = 2, name
    while occupied(str(_below_root(candidate))):
        candidate, number = f"{name}-{number}", number + 1
    return candidate


def _below_root(name: str) -> Path | str:
    name = name if name.endswith(".zarr") else f"{name}.zarr"
    return root_folder() / name if (url := root_url()) is None else f"{url}/{name}"


def _place(name: str) -> Path | str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}", name):
        raise WorkbenchError(f"The name {name!r} should be of letters, digits, dots, dashes and underscores only.")
    if is_recording(root_in_words()):
        raise WorkbenchError(
            f"The dashboard was started on one recording, {root_in_words()}, and another cannot go into it. "
            f"Start it on the folder that holds your recordings: workbench app FOLDER."
        )
    return _below_root(name)
