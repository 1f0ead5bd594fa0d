"""What a saliency method explains: one number, as a function of what stands at one site.

A *site* is where attribution is asked for: the network's inputs, or the output of any of its layers. Every method sees
the same thing, a differentiable function of the site's values, and knows neither the policy nor the target.

Axis legend:
    S  decisions that are explained
    n  rows of one batch, each with the circumstances (memory, legal actions, other inputs) of one decision
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from workbench.analyses.decisions import Decisions, Values
from workbench.analyses.exclusive import exclusively
from workbench.analyses.layers import overwritten
from workbench.analyses.targets import AnyTarget, target_of
from workbench.errors import WorkbenchError
from workbench.policies.types import PolicyOutput

BATCH_BYTES = 256 << 20
"""About how much memory one batch may take, where nobody chose its size."""
MOST_ROWS = 4_096
LEAST_ROWS = 8


@dataclass(frozen=True)
class Question:
    """A target of some decisions as a function of the values at a site."""

    decisions: Decisions
    target: AnyTarget
    layer: str | None = None
    """The site: None for the network's inputs, else the name of a layer."""
    window: int = 1
    """P, how many observations the inputs are: beyond 1, those before the decision are explained too, as far as they
    reach it through the policy's memory. Their keys end in `@-1` for the observation before, and so on."""
    batch_size: int | None = None
    """Rows that go through the network at a time; None chooses it from the size of one row."""
    values: Values = field(init=False)
    """What stood at the site, `[S, ...]` by key (the layer's name for a layer)."""

    def __post_init__(self) -> None:
        if self.batch_size is not None and self.batch_size < 1:
            raise WorkbenchError(f"A batch has at least one row; came batch_size={self.batch_size}.")
        if self.window > 1 and self.layer is not None:
            raise WorkbenchError("A window of observations and a layer exclude each other: explain one of them.")
        object.__setattr__(self, "values", self._read())

    def __len__(self) -> int:
        return len(self.decisions)

    def of(self, decisions: Decisions) -> "Question":
        """The same question about other decisions, or about the same with other inputs or weights."""
        return Question(decisions, self.target, self.layer, self.window, self.batch_size)

    def __call__(self, values: Values, index: Tensor) -> Tensor:
        """The target, `[n]`, differentiable in the values.

        Args:
            values: By key, `[n, ...]`.
            index: `[n]`, the decision whose circumstances each row has.
        """
        return self.read_target(self.output(values, index), index)

    def output(self, values: Values, index: Tensor) -> PolicyOutput:
        """All that the policy says, of n rows."""
        # Copies: a module behind the site that works in place must not change what others still need.
        values = {name: tensor.clone() for name, tensor in values.items()}
        if self.window > 1:
            names = self.decisions.inputs
            earlier = [{name: values[f"{name}@-{lag}"] for name in names} for lag in range(self.window - 1, 0, -1)]
            return self.decisions.run_window([*earlier, {name: values[name] for name in names}], index)
        if self.layer is None:
            return self.decisions.run(values, index)
        placed = values[self.layer]
        inputs = {name: tensor[index] for name, tensor in self.decisions.inputs.items()}
        with overwritten(self.decisions.policy.module, {self.layer: lambda _: placed}):
            return self.decisions.run(inputs, index)

    def read_target(self, output: PolicyOutput, index: Tensor) -> Tensor:
        """The target, `[n]`, of an answer to n rows."""
        taken = torch.as_tensor(self.decisions.actions)[index.cpu()].to(index.device)
        return target_of(self.target, output, taken)

    def at(self, index: Tensor) -> dict[str, Tensor]:
        """What stood at the site of some decisions, `[n, ...]` by key."""
        return {name: tensor[index] for name, tensor in self.values.items()}

    def rows_of_a_batch(self) -> int:
        """How many rows go through the network at a time."""
        if self.batch_size is not None:
            return self.batch_size
        row = sum(tensor[0].numel() * 4 for tensor in self.values.values())
        row += sum(tensor[0].numel() * 4 for tensor in self.decisions.inputs.values())
        # A convolutional network holds some tens of times its input while gradients are taken.
        return int(min(MOST_ROWS, max(LEAST_ROWS, BATCH_BYTES // (64 * max(row, 1)))))

    def batches(self, rows: int) -> Iterator[slice]:
        """Slices of at most `rows_of_a_batch` rows."""
        size = self.rows_of_a_batch()
        return (slice(start, min(start + size, rows)) for start in range(0, rows, size))

    @torch.no_grad()
    def evaluate(self, values: Values, index: Tensor) -> Tensor:
        """The target, `[n]`, of any number of rows, batch by batch and without gradients."""
        return torch.cat(
            [
                self({name: tensor[part] for name, tensor in values.items()}, index[part])
                for part in self.batches(len(index))
            ]
        )

    def gradients(self, values: Values, index: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """The target's gradient with respect to the values, by key `[n, ...]`, and the target `[n]`; batch by batch.

        Raises:
            WorkbenchError: The target does not depend on the site differentiably.
        """
        parts: list[dict[str, Tensor]] = []
        numbers: list[Tensor] = []
        for part in self.batches(len(index)):
            leaves = {name: tensor[part].detach().clone().requires_grad_() for name, tensor in values.items()}
            with torch.enable_grad():
                number = self(leaves, index[part])
            if not number.requires_grad:
                raise WorkbenchError(self._without_gradient())
            # Rows do not touch each other, so the gradient of the sum holds each row's own.
            found: tuple[Tensor | None, ...] = torch.autograd.grad(
                number.sum(), list(leaves.values()), allow_unused=True
            )
            if all(one is None for one in found):
                raise WorkbenchError(self._without_gradient())
            # One part of an observation may be ignored.
            pairs = zip(leaves.values(), found, strict=True)
            filled = [torch.zeros_like(leaf) if one is None else one for leaf, one in pairs]
            parts.append(dict(zip(leaves, filled, strict=True)))
            numbers.append(number.detach())
        return {name: torch.cat([part[name] for part in parts]) for name in values}, torch.cat(numbers)

    def _read(self) -> dict[str, Tensor]:
        if self.layer is None:
            own = {name: tensor.detach() for name, tensor in self.decisions.inputs.items()}
            history = self.decisions.history
            if self.window > 1 and history is not None:
                for lag, earlier in enumerate(history.inputs[::-1], start=1):
                    own |= {f"{name}@-{lag}": tensor for name, tensor in earlier.items()}
            return own
        with exclusively(self.decisions.policy):
            return {self.layer: self._read_layer(self.layer)}

    def _read_layer(self, layer: str) -> Tensor:
        kept: list[Tensor] = []

        def keep(output: Tensor) -> Tensor:
            kept.append(output.detach().clone())
            return output

        count = len(self.decisions)
        with torch.no_grad(), overwritten(self.decisions.policy.module, {layer: keep}):
            for start in range(0, count, MOST_ROWS):
                index = torch.arange(start, min(start + MOST_ROWS, count))
                before = len(kept)
                self.decisions.run({name: t[index] for name, t in self.decisions.inputs.items()}, index)
                if len(kept) != before + 1 or len(kept[-1]) != len(index):
                    raise WorkbenchError(
                        f"The layer {layer!r} ran {len(kept) - before} times in one pass of {len(index)} rows; "
                        f"only a layer that runs once, with one row a decision, can be explained."
                    )
        return torch.cat(kept)

    def _without_gradient(self) -> str:
        where = "the network's inputs" if self.layer is None else f"the layer {self.layer!r}"
        return (
            f"The target has no gradient at {where}: something between them is not differentiable (an argmax, a "
            f"rounding, a `detach`), or the target does not depend on it. Use a method that perturbs instead of one "
            f"that differentiates: occlusion, blur, feature_ablation."
        )


def split_key(key: str) -> tuple[str, int]:
    """The observation key that a site's key stands for, and how many steps before the decision."""
    name, at, lag = key.rpartition("@-")
    return (name, int(lag)) if at and lag.isdecimal() else (key, 0)
