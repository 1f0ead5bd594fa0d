"""Labellers: what is true in a known environment, read off it and recorded beside the step."""

from workbench.recording.labellers.registry import find_labellers, register_labeller, unregister_labeller
from workbench.recording.labellers.types import Label, Labeller

__all__ = ["Label", "Labeller", "find_labellers", "register_labeller", "unregister_labeller"]
