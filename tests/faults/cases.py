"""What is recorded while things go wrong: a table of ways to record, each of which is over in about a second."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults.walker import Walk, Walker
from tests.recording.toy import Counter, ToyPolicy


@dataclass(frozen=True, kw_only=True)
class Case:
    """An agent, an environment and the arguments of `record`."""

    policy: Callable[..., Any]
    environment: Callable[..., Any]
    arguments: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the policy."""

    def make_policy(self, **changes: Any) -> Any:
        return self.policy(**{**self.options, **changes})


CASES: Mapping[str, Case] = {
    "deterministic": Case(
        policy=ToyPolicy, environment=Counter, arguments={"episodes": 400, "environments": 3, "seed": 5}
    ),
    "sampled steps": Case(
        policy=Walker,
        environment=Walk,
        # No multiple of the environments side by side: the last pass is of two of them.
        arguments={"steps": 2002, "environments": 4, "deterministic": False, "seed": 17},
    ),
    "recurrent, frames, large rows": Case(
        policy=Walker,
        environment=Walk,
        arguments={"episodes": 40, "environments": 5, "deterministic": False, "frames": True, "seed": 3},
        options={"recurrent": True, "wide": True},
    ),
    "masked, recurrent, half precision": Case(
        policy=Walker,
        environment=Walk,
        arguments={"steps": 1501, "environments": 3, "activation_dtype": "float16", "layers": ["first", "actor", "m*"]},
        options={"recurrent": True, "masks": True},
    ),
}
