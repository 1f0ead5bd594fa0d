"""The changes that the command line asks for."""

import re
from typing import TYPE_CHECKING, Any

from workbench.cli.options import InterveneOptions, UsageError, parse_keyword_arguments
from workbench.cli.steps import named_row
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from torch import Tensor

    from workbench.analyses.intervention import Change, LayerChange, ObservationChange
    from workbench.policies.types import Policy
    from workbench.recording import Recording

BACKGROUND_STEPS = 256
RECTANGLE = re.compile(r"(?:(?P<key>[^=]*):)?(?P<top>\d+),(?P<left>\d+),(?P<height>\d+),(?P<width>\d+)=(?P<fill>.+)")


def planned_changes(options: InterveneOptions, recording: "Recording", policy: "Policy") -> "list[Change]":
    """All changes, in the order: what is shown, then the layer.

    Raises:
        UsageError: Nothing is changed, or too much.
    """
    asked = _asked(options)
    changes: list[Change] = [_set_number(recording, text) for text in options.set]
    changes += [_cover(recording, text) for text in options.cover]
    if not asked and not changes:
        raise UsageError(
            "Nothing is changed: give --ablate, --clamp, --patch-from, --steer, --steer-toward, --set or --cover "
            "(or --edit, or --search-from)."
        )
    return [*changes, _layer_change(options, recording, policy)] if asked else changes


def steering_vector(options: InterveneOptions, recording: "Recording", policy: "Policy") -> "tuple[Tensor, str]":
    """The vector that is added, and where it comes from, in words.

    Raises:
        UsageError: None is asked for, or without a layer.
    """
    import numpy as np
    import torch

    from workbench.analyses.intervention import direction_between

    if options.steer is None and options.steer_toward is None:
        raise UsageError("Several values of --scale need a vector: --steer or --steer-toward.")
    _asked(options)
    if options.steer_toward is not None:
        layer, toward = options.layer, options.steer_toward
        assert layer is not None, "checked with what is asked for"
        found = direction_between(recording, policy, layer, toward, options.steer_away, seed=options.seed)
        return found.vector, found.words
    try:
        vector = np.load(str(options.steer), allow_pickle=False)
        return torch.as_tensor(np.asarray(vector, np.float32)), f"the vector of {options.steer}"
    except (OSError, EOFError, ValueError, TypeError) as error:
        raise WorkbenchError(f"{str(options.steer)!r} is no array of numbers by numpy.save: {error}.") from error


def named_edit(text: str) -> tuple[str, dict[str, Any]]:
    """An edit of the state and its arguments, from `NAME KEY=VALUE …`.

    Raises:
        UsageError: It is not of that form.
    """
    name, *arguments = text.split() or [""]
    try:
        return name, parse_keyword_arguments(tuple(arguments))
    except UsageError:
        wanted = "'NAME KEY=VALUE …', such as 'move_cheese row=3 column=5'"
        raise UsageError(f"--edit takes {wanted}; came {text!r}.") from None


def _asked(options: InterveneOptions) -> list[str]:
    """Which change of a layer is asked for: at most one."""
    asked = [
        name
        for name, given in (
            ("--ablate", options.ablate),
            ("--clamp", options.clamp),
            ("--patch-from", options.patch_from),
            ("--steer", options.steer),
            ("--steer-toward", options.steer_toward),
        )
        if given is not None
    ]
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} exclude each other; give one of them.")
    if asked and options.layer is None:
        raise UsageError(f"{asked[0]} needs --layer, the name of a layer (workbench info lists them).")
    if options.donor is not None and options.patch_from is None:
        raise UsageError("--donor needs --patch-from: which step of that recording.")
    if options.steer_away is not None and options.steer_toward is None:
        raise UsageError("--steer-away needs --steer-toward: a direction leads from one to the other.")
    return asked


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
        return clamp(layer, units or tuple(range(like.shape[1])), options.clamp, like)
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


def _set_number(recording: "Recording", text: str) -> "ObservationChange":
    from workbench.analyses.intervention import set_number
    from workbench.analyses.reading_decisions import draw_rows

    name, _, value = text.partition("=")
    names = recording.observation_names or []
    try:
        place = names.index(name) if name in names else int(name)
        number = float(value)
    except ValueError:
        there = ", ".join(names) if names else "numbered from 0"
        raise UsageError(f"--set takes NAME=VALUE, the value a number; came {text!r}; names: {there}.") from None
    like = None
    if "observation" in recording.steps and len(recording.steps["observation"].shape) == 2:
        like = recording.steps["observation"][draw_rows(recording, BACKGROUND_STEPS)]
    return set_number(place, number, name if name in names else f"number {place}", like=like)


def _cover(recording: "Recording", text: str) -> "ObservationChange":
    from workbench.analyses.intervention import Rectangle, cover

    found = RECTANGLE.fullmatch(text)
    if found is None:
        raise UsageError(f"--cover takes [KEY:]TOP,LEFT,HEIGHT,WIDTH=VALUE, or =EPISODE:STEP; came {text!r}.")
    rectangle = Rectangle(**{name: int(found[name]) for name in ("top", "left", "height", "width")})
    key, fill = found["key"] or "", found["fill"]
    if ":" in fill:
        row = named_row(recording, fill, "--cover")
        column = f"observation/{key}" if key else "observation"
        return cover(rectangle, recording.steps[column][row], key=key, source=f"step {fill}")
    try:
        return cover(rectangle, float(fill), key=key)
    except ValueError:
        raise UsageError(f"--cover fills with a number, or with =EPISODE:STEP; came {text!r}.") from None
