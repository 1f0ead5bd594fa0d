"""Numbers from inside a network as targets: a unit, or what a probe says.

A target is a function of what a policy says. So that a number of an inner layer can be one, the policy is run with
that layer read, and its answer carries what was read (`PolicyOutput.readings`): every method that explains an action
explains a unit or a probe's answer in the same way.

Axis legend: n rows of one batch.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from workbench.analyses.layers import Reading, find_layer
from workbench.analyses.targets import AnyTarget, NamedTarget
from workbench.errors import WorkbenchError
from workbench.policies.types import Policy, PolicyOutput

if TYPE_CHECKING:
    from workbench.analyses.probing.probe import Probe

KINDS = ("unit", "probe")
"""What the names of such targets begin with."""


def reading_target(reading: Reading, words: str, unit: str = "") -> NamedTarget:
    """The target that a reading is.

    Args:
        reading: Which layer, and the number that is made of what it gives.
        words: For people.
        unit: Of the number.
    """

    def read(output: PolicyOutput, _taken: Tensor) -> Tensor:
        if reading.name not in output.readings:
            raise WorkbenchError(
                f"{reading.layer!r} did not run in a pass of the policy, so that {words} cannot be read; choose a "
                f"layer that runs whenever the policy decides."
            )
        return output.readings[reading.name]

    return NamedTarget(name=reading.name, words=words, unit=unit, function=read, reading=reading)


def unit_target(policy: Policy, layer: str, places: Sequence[int]) -> NamedTarget:
    """A unit of a layer; of a convolution's channel the mean over its places, or one place of it.

    Args:
        policy: Whose layer it is.
        layer: Its name.
        places: The unit or channel, and for one place of a channel its row and column behind it.

    Raises:
        WorkbenchError: There is no such layer.
    """
    find_layer(policy.module, layer)
    name = f"unit:{layer}:{','.join(map(str, places))}"

    def function(values: Tensor) -> Tensor:
        shape = list(values.shape[1:])
        if len(places) > len(shape) or any(
            not 0 <= place < size for place, size in zip(places, shape[: len(places)], strict=True)
        ):
            raise WorkbenchError(f"The layer {layer!r} gives {shape} numbers a step; it has no unit {list(places)}.")
        index: tuple[slice | int, ...] = (slice(None), *places)
        chosen = values[index]
        return chosen.flatten(1).mean(dim=1) if chosen.ndim > 1 else chosen

    what = "channel" if len(places) > 1 else "unit"
    where = f", at row {places[1]} and column {places[2]}" if len(places) == 3 else ""
    return reading_target(
        Reading(name=name, layer=layer, function=function), f"{what} {places[0]} of {layer}{where}", "activation"
    )


def probe_target(policy: Policy, probe: "Probe", which: str | None = None) -> NamedTarget:
    """What a probe says: a number in its own unit; of classes the log-odds of one, log(p / (1 − p)), in nats.

    Args:
        policy: Whose layer the probe reads.
        probe: Of that layer.
        which: The class; None takes the last. Of a number nothing else can be asked.

    Raises:
        WorkbenchError: The probe has no such class, or the policy no such layer.
    """
    find_layer(policy.module, probe.layer)
    if probe.classes is None:
        return reading_target(
            Reading(
                name=f"probe:{probe.concept}@{probe.layer}", layer=probe.layer,
                function=probe.differentiable,
            ),
            f"{probe.concept} as a probe reads it in {probe.layer}",
        )  # fmt: skip
    named = probe.classes[-1] if which is None else which
    if named not in probe.classes:
        raise WorkbenchError(f"The probe of {probe.concept!r} has no class {named!r}: {', '.join(probe.classes)}.")
    place = probe.classes.index(named)
    others = [other for other in range(len(probe.classes)) if other != place]

    def function(values: Tensor) -> Tensor:
        said = probe.differentiable(values)
        return said[:, place] - said[:, others].logsumexp(dim=1)

    return reading_target(
        Reading(name=f"probe:{probe.concept}@{probe.layer}:{named}", layer=probe.layer, function=function),
        f"{probe.concept} being {named}, as a probe reads it in {probe.layer}",
        "nats",
    )


def find_reading(text: str, policy: Policy) -> NamedTarget | None:
    """A target from inside the network by its name; None where the name is none of these.

    Args:
        text: `unit:LAYER:UNIT`, `unit:LAYER:CHANNEL,ROW,COLUMN`, `probe:FILE.npz` or `probe:FILE.npz:CLASS`.
        policy: Whose network it is.

    Raises:
        WorkbenchError: There is no such layer, unit, file or class.
    """
    kind, _, rest = text.partition(":")
    if kind == "unit":
        layer, _, unit = rest.rpartition(":")
        places = unit.split(",")
        if not layer or len(places) not in (1, 3) or not all(place.isdecimal() for place in places):
            raise WorkbenchError(f"A unit is unit:LAYER:UNIT or unit:LAYER:CHANNEL,ROW,COLUMN; came {text!r}.")
        return unit_target(policy, layer, [int(place) for place in places])
    if kind == "probe":
        from workbench.analyses.probing.probe import load_probe

        path, dot, which = rest.partition(".npz")
        if not dot:
            raise WorkbenchError(f"A probe is probe:FILE.npz or probe:FILE.npz:CLASS; came {text!r}.")
        return probe_target(policy, load_probe(path + dot), which.removeprefix(":") or None)
    return None


def reading_policy(policy: Policy, target: AnyTarget) -> Policy:
    """The policy, run so that a target from inside the network can be read; itself for any other target."""
    if not isinstance(target, NamedTarget) or target.reading is None:
        return policy
    from workbench.analyses.intervention.changed_policy import ChangedPolicy

    return ChangedPolicy(policy, (), readings=(target.reading,))
