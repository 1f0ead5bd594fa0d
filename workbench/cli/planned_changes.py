"""The changes that the command line asks for."""

from typing import TYPE_CHECKING

from workbench.cli.analysis_options import InterveneOptions
from workbench.cli.intervene_checks import changes_a_layer, named_value, rectangle_of
from workbench.cli.option_kinds import UsageError
from workbench.cli.steps import named_row
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from torch import Tensor

    from workbench.analyses.intervention import Change, LayerChange, ObservationChange
    from workbench.policies.types import Policy
    from workbench.recording import Recording

BACKGROUND_STEPS = 256


def planned_changes(options: InterveneOptions, recording: "Recording", policy: "Policy") -> "list[Change]":
    """All changes, in the order: what is shown, then the layer."""
    changes: list[Change] = [_set_number(options, recording, text) for text in options.set]
    changes += [_cover(recording, text) for text in options.cover]
    return [*changes, _layer_change(options, recording, policy)] if changes_a_layer(options) else changes


def steering_vector(options: InterveneOptions, recording: "Recording", policy: "Policy") -> "tuple[Tensor, str]":
    """The vector that is added, and where it comes from, in words.

    Raises:
        WorkbenchError: The file is not there or holds none, or an expression holds nowhere.
    """
    import numpy as np
    import torch

    from workbench.analyses.intervention import direction_between

    if options.steer_toward is not None:
        layer, toward = options.layer, options.steer_toward
        assert layer is not None, "checked with what is asked for"
        found = direction_between(recording, policy, layer, toward, options.steer_away, seed=options.seed)
        return found.vector, found.words
    try:
        vector = np.load(str(options.steer), allow_pickle=False)
        return torch.as_tensor(np.asarray(vector, np.float32)), f"the vector of {options.steer}"
    except FileNotFoundError:
        raise WorkbenchError(f"There is no file {str(options.steer)!r} to steer by.") from None
    except OSError as error:
        raise WorkbenchError(f"{str(options.steer)!r} cannot be read: {error.strerror or error}.") from error
    except (EOFError, ValueError, TypeError) as error:
        wanted = "an array of numbers that numpy.save wrote (.npy)"
        raise WorkbenchError(f"{str(options.steer)!r} should be {wanted}, and is not.") from error


def _layer_change(options: InterveneOptions, recording: "Recording", policy: "Policy") -> "LayerChange":
    from workbench.analyses.intervention import ablate, clamp, layer_values, patch, steer
    from workbench.analyses.reading_decisions import draw_rows

    layer = options.layer
    assert layer is not None, "checked with what is asked for"
    if options.steer is not None or options.steer_toward is not None:
        vector, _ = steering_vector(options, recording, policy)
        return steer(layer, vector, options.scale[0])
    like = layer_values(recording, policy, layer, draw_rows(recording, BACKGROUND_STEPS, seed=options.seed))
    units = options.units or None
    if options.ablate is not None:
        return ablate(layer, units, like, how=options.ablate, seed=options.seed)
    if options.clamp is not None:
        return clamp(layer, units, options.clamp, like)
    assert options.patch_from is not None
    donor = _donated(options, recording, policy, layer, options.patch_from)
    source = f"step {options.patch_from}" + (f" of {options.donor}" if options.donor is not None else "")
    return patch(layer, units, donor, like, source=source)


def _donated(options: InterveneOptions, recording: "Recording", policy: "Policy", layer: str, step: str) -> "Tensor":
    """What the layer gave at the step that is patched from: of this agent, or of another recording's own."""
    from workbench.analyses.intervention import layer_values
    from workbench.recording import open_recording

    if options.donor is not None:
        recording = open_recording(options.donor)
        policy = recording.policy(trust_pickle=options.trust_pickle)
    return layer_values(recording, policy, layer, [named_row(recording, step, "--patch-from")])[0]


def _set_number(options: InterveneOptions, recording: "Recording", text: str) -> "ObservationChange":
    from workbench.analyses.intervention import set_number
    from workbench.analyses.reading_decisions import draw_rows

    name, value = named_value(text)
    known = recording.observation_names or []
    if "observation" not in recording.steps or len(recording.steps["observation"].shape) != 2:
        raise UsageError("--set is of observations that are a row of numbers; these are not (--cover is of pictures).")
    width = int(recording.steps["observation"].shape[1])
    place = known.index(name) if name in known else int(name) if name.isdecimal() else width
    if place >= width:
        there = f"there are: {', '.join(known)}" if known else f"they are numbered 0 to {width - 1}"
        raise UsageError(f"There is no number {name!r}; {there}.")
    like = recording.steps["observation"][draw_rows(recording, BACKGROUND_STEPS, seed=options.seed)]
    return set_number(place, value, name if name in known else f"number {place}", like=like)


def _cover(recording: "Recording", text: str) -> "ObservationChange":
    from workbench.analyses.intervention import Rectangle, cover

    key, sides, fill = rectangle_of(text)
    rectangle = Rectangle(**sides)
    if not isinstance(fill, str):
        return cover(rectangle, fill, key=key)
    row = named_row(recording, fill, "--cover")
    column = f"observation/{key}" if key else "observation"
    if column not in recording.steps:
        parts = [name.partition("/")[2] for name in recording.steps if name.startswith("observation/")]
        there = f"it has: {', '.join(parts)}" if parts else "it has no parts"
        raise WorkbenchError(f"The observation has no part {key!r}; {there}.")
    return cover(rectangle, recording.steps[column][row], key=key, source=f"step {fill}")
