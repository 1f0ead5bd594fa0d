"""Which recorded steps a command is about, and the code that its agent needs."""

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbench.cli.option_kinds import UsageError
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.recording import Recording


def import_modules(names: Sequence[str]) -> None:
    """Import what somebody trusts.

    Raises:
        WorkbenchError: It cannot be imported.
    """
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise WorkbenchError(f"The module {name!r} cannot be imported: {error}.") from error


def how_to_import(path: str, given: Sequence[str]) -> str | None:
    """What to add to a command about a recording whose code nobody has imported; None where there is no such code.

    Args:
        path: Of the recording.
        given: What `--imports` names already.
    """
    from workbench.policies.kinds import KIND_NAMES
    from workbench.recording import open_recording
    from workbench.recording.named_modules import may_use

    attributes = open_recording(path).attributes
    agent = str((attributes.get("policy") or {}).get("spec") or "")
    environment = str((attributes.get("environment") or {}).get("id") or "")
    named = {
        text.partition(":")[0]: what
        for text, what in ((environment, "environment"), (agent, "agent"))
        if ":" in text and text.partition(":")[0] not in KIND_NAMES
    }
    missing = {module: what for module, what in named.items() if not may_use(module)}
    if not missing:
        return None
    listed = " and ".join(f"{module} (its {what})" for module, what in missing.items())
    return (
        f"The recording names {listed}, which is not imported for that: it would run that code, wherever it comes "
        f"from. If you trust it, add --imports {' '.join([*given, *missing])}."
    )


def parse_step(text: str, option: str) -> tuple[int, int]:
    """Episode and step from `K:T`.

    Raises:
        UsageError: It is not of that form.
    """
    number, colon, step = text.partition(":")
    if not colon or not number.isdecimal() or not step.isdecimal():
        raise UsageError(f"{option} takes EPISODE:STEP, such as 3:17; came {text!r}.")
    return int(number), int(step)


def chosen_rows(recording: "Recording", episode: int | None, step: int | None, sample: int | None, seed: int) -> Any:
    """Rows of the recording's steps, `[S]`: one step, or a sample of all of them.

    Raises:
        WorkbenchError: There is no such step, or both were asked for.
    """
    import numpy as np

    if sample is not None:
        if episode is not None or step is not None:
            raise UsageError("--sample draws the steps itself; leave out --episode and --step, or --sample.")
        if sample < 1:
            raise UsageError(f"--sample must be at least 1; it is {sample}.")
        from workbench.analyses.reading_decisions import draw_rows

        return draw_rows(recording, sample, seed=seed)
    if not recording.number_of_episodes:
        raise WorkbenchError(f"{recording.path} holds no step.")
    from workbench.analyses.opening import opening_episode

    number = episode if episode is not None else opening_episode(recording).number
    return np.array([row_of(recording, number, step or 0)])


def row_of(recording: "Recording", number: int, step: int) -> int:
    """The row of a step of an episode.

    Raises:
        WorkbenchError: There is none.
    """
    episode = recording.episode(number)
    if not 0 <= step < episode.length:
        raise WorkbenchError(
            f"Episode {number} has no step {step}: it has {episode.length}, numbered from 0 to {episode.length - 1}."
        )
    return int(episode.rows[step])


def named_row(recording: "Recording", text: str, option: str) -> int:
    """The row that `K:T` names.

    Raises:
        WorkbenchError: It is not of that form, or there is no such step.
    """
    return row_of(recording, *parse_step(text, option))
