"""An evaluator that is made to say something else of some positions: what would the search have done then?"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from workbench.search.evaluators import Evaluation, Evaluator


@dataclass(frozen=True, kw_only=True)
class EditedEvaluator:
    """Answers as another does, but for positions whose answers are edited.

    Positions are told apart by what the network sees of them: an edited position is edited wherever it comes up.
    """

    evaluate: Evaluator
    logits: Mapping[bytes, npt.NDArray[np.float32]] = field(default_factory=dict)
    """By the observation's bytes (`key_of`): `[A]`."""
    values: Mapping[bytes, float] = field(default_factory=dict)
    """By the same: for the player to move."""
    name: str = "edited"
    fingerprint: str = ""

    def __call__(self, observations: npt.NDArray[np.float32]) -> Evaluation:
        """The other's answers, with the edited ones in their place."""
        logits, values = self.evaluate(observations)
        logits, values = np.array(logits, np.float32), np.array(values, np.float32)
        for row, observation in enumerate(observations):
            key = key_of(observation)
            if key in self.logits:
                logits[row] = self.logits[key]
            if key in self.values:
                values[row] = self.values[key]
        return logits, values


def key_of(observation: npt.NDArray[np.float32]) -> bytes:
    """What tells an observation from others."""
    return np.ascontiguousarray(observation, np.float32).tobytes()
