"""What acts: the `Policy` protocol, and adapters that make one of what people have."""

from workbench.policies.fingerprints import fingerprint
from workbench.policies.loading import load_policy
from workbench.policies.module_policy import ModulePolicy, module_policy
from workbench.policies.stable_baselines3 import wrap_stable_baselines3
from workbench.policies.types import (
    ActionChoice,
    EpisodeRandom,
    Inputs,
    Observations,
    Policy,
    PolicyOutput,
    State,
    Target,
)

__all__ = [
    "ActionChoice",
    "EpisodeRandom",
    "Inputs",
    "ModulePolicy",
    "Observations",
    "Policy",
    "PolicyOutput",
    "State",
    "Target",
    "fingerprint",
    "load_policy",
    "module_policy",
    "wrap_stable_baselines3",
]
