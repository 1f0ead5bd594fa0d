"""Discrete actions of any space: their names, and their places among the scores that a policy gives.

Axis legend:
    n  rows of one batch
    A  options; for a MultiDiscrete space the sum over its components, in their order
    C  components of an action
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from workbench.errors import WorkbenchError
from workbench.policies.types import PolicyOutput

MASKED = -1e7
"""Logits below this are those of actions that a mask forbids."""

Options: TypeAlias = tuple[int, ...]
"""How many options each component of a discrete action has; a bit has two."""


class DiscreteActions:
    """Discrete actions: their names, and their places among the scores that a policy gives.

    A bit of a MultiBinary action counts as a component of two options, unset and set, with the logits 0 and its
    log-odds; their softmax is the bit's probability.
    """

    def __init__(self, space: gymnasium.Space[Any], names: Sequence[str] | None) -> None:
        self.binary = isinstance(space, spaces.MultiBinary)
        self.first = int(space.start) if isinstance(space, spaces.Discrete) else 0
        if isinstance(space, spaces.Discrete):
            self.options: Options = (int(space.n),)
        elif isinstance(space, spaces.MultiDiscrete):
            self.options = tuple(int(size) for size in space.nvec.reshape(-1))
        else:
            self.options = (2,) * int(np.prod(space.shape or (1,)))
        self.starts = [sum(self.options[:place]) for place in range(len(self.options))]
        self.names = list(names or ()) if len(names or ()) == sum(self.options) else []

    def scores(self, output: PolicyOutput) -> Tensor:
        """Logits or Q-values of every option, `[n, A]`."""
        scores = output.q_values if output.q_values is not None else output.logits
        assert scores is not None, "checked when the target was found"
        if not self.binary:
            return scores
        return torch.stack([torch.zeros_like(scores), scores], dim=-1).flatten(1)

    def log_probabilities(self, output: PolicyOutput) -> Tensor:
        """Of each option within its component, `[n, A]`."""
        return torch.cat([part.log_softmax(dim=-1) for part in self.split(self.scores(output))], dim=-1)

    def log_odds(self, output: PolicyOutput) -> Tensor:
        """Of each option within its component, `[n, A]`: ln p/(1 − p) = z − ln Σ over the others exp z."""
        return torch.cat([_log_odds(part) for part in self.split(self.scores(output))], dim=-1)

    def split(self, scores: Tensor) -> Sequence[Tensor]:
        """The options of each component."""
        return torch.split(scores, list(self.options), dim=-1)

    def taken(self, scores: Tensor, taken: Tensor) -> Tensor:
        """The scores of the options that were chosen, summed over the components, `[n]`."""
        places = taken.long() - self.first + torch.as_tensor(self.starts, device=taken.device)
        return scores.gather(1, places).sum(dim=-1)

    def place(self, text: str) -> int:
        """Place among A of an action's name or number.

        Raises:
            WorkbenchError: There is none.
        """
        if text in self.names:
            return self.names.index(text)
        component, dot, option = text.partition(".")
        if len(self.options) == 1:
            # A number alone is the action as the environment takes it.
            whole = not dot and text.removeprefix("-").isdecimal()
            component, option = "0", str(int(text) - self.first) if whole else ""
        elif self.binary and not dot:
            option = "1"
        known = component.isdecimal() and option.isdecimal() and int(component) < len(self.options)
        if known and int(option) < self.options[int(component)]:
            return self.starts[int(component)] + int(option)
        raise WorkbenchError(f"There is no action {text!r}; {self.there_are()}.")

    def spelling(self, place: int) -> str:
        """An option as `place` takes it."""
        if len(self.options) == 1:
            return str(place + self.first)
        component = max(index for index, start in enumerate(self.starts) if start <= place)
        return f"{component}.{place - self.starts[component]}"

    def word(self, place: int) -> str:
        """An option in words."""
        if self.names:
            return self.names[place]
        component = max(index for index, start in enumerate(self.starts) if start <= place)
        option = place - self.starts[component]
        if self.binary:
            return f"bit {component} {'set' if option else 'unset'}"
        if len(self.options) > 1:
            return f"option {option} of component {component}"
        return f"action {place + self.first}"

    def there_are(self) -> str:
        """What there is to choose from, in words."""
        if self.names:
            return f"there are {', '.join(self.names)}"
        if self.binary:
            return f"the bits are numbered 0 to {len(self.options) - 1}; BIT.0 is its being unset"
        if len(self.options) > 1:
            return f"write COMPONENT.OPTION; the components have {', '.join(map(str, self.options))} options"
        return f"they are numbered {self.first} to {self.first + self.options[0] - 1}"


def _log_odds(logits: Tensor) -> Tensor:
    """`[n, options]`; the others' sum is taken without the option: 1 − p would be 0 where p rounds to 1.

    Options that are masked count as absent. Where no other is left there is nothing to decide, and the log-odds are 0.
    """
    options = logits.shape[-1]
    absent = torch.eye(options, dtype=torch.bool, device=logits.device) | (logits <= MASKED).unsqueeze(-2)
    alone = absent.all(dim=-1) | (logits <= MASKED)
    others = logits.unsqueeze(-2).expand(-1, options, -1).masked_fill(absent & ~alone.unsqueeze(-1), -torch.inf)
    return torch.where(alone, torch.zeros_like(logits), logits - others.logsumexp(dim=-1))
