"""What a recording says about itself: its root attributes, in plain JSON."""

from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import gymnasium

from workbench.policies.fingerprints import fingerprint
from workbench.policies.types import Policy
from workbench.recording.environments import EnvironmentSpecification, describe_environment
from workbench.recording.layout import ENDED_CUT_SHORT, FORMAT, FORMAT_VERSION

PACKAGES = ("rl-workbench", "torch", "gymnasium", "stable-baselines3", "sb3-contrib", "zarr", "numpy")


def first_facts(
    policy: Policy | None,
    environment: Any,
    specification: EnvironmentSpecification | None,
    settings: dict[str, Any],
) -> dict[str, Any]:
    """The root attributes of a recording that has just begun; it counts as cut short until it is closed.

    Args:
        policy: What acts.
        environment: What it acts in; an SB3 vectorised one is described by the first of its environments.
        specification: How the environment is made by name.
        settings: The recorder's own: seed, mode, slots.
    """
    spec = specification or EnvironmentSpecification(id=None, kwargs={}, wrappers=())
    first = environment.envs[0] if hasattr(environment, "envs") else environment
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "created": now(),
        "complete": False,
        "ended": ENDED_CUT_SHORT,
        "policy": describe_policy(policy) if policy is not None else None,
        "environment": describe_environment(first, spec) if isinstance(first, gymnasium.Env) else None,
        "layers": {},
        "skipped_layers": {},
        "skipped_columns": {},
        "absent": {},
        "versions": dict(versions()),
        **settings,
    }


def describe_policy(policy: Policy) -> dict[str, Any]:
    """Name, origin, fingerprint and size of a policy."""
    return {
        "name": policy.name,
        "spec": getattr(policy, "spec", None),
        "fingerprint": fingerprint(policy),
        "settings": getattr(policy, "settings", None) or {},
        "parameters": sum(parameter.numel() for parameter in policy.module.parameters()),
    }


@cache
def versions() -> dict[str, str]:
    """Versions of the packages that a recording depends on, those that are installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def now() -> str:
    """This moment in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
