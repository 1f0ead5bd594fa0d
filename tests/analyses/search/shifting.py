"""A policy of tic-tac-toe by name, which looks at one square: `tests.analyses.search.shifting:policy`."""

from typing import Any

from tests.analyses.search.test_look_ahead import Shifting
from workbench.policies.module_policy import module_policy


def policy(environment: Any) -> Any:
    """The centre's logit is 3 times what the player to move has in the corner."""
    return module_policy(Shifting(), environment)
