"""Interventions: what changes when a layer or an observation of a live policy is changed, beside random changes."""

from workbench.analyses.intervention.behaviour import MEASURES, BehaviourEffect, behaviour_effect
from workbench.analyses.intervention.changed_policy import ChangedPolicy
from workbench.analyses.intervention.changes import (
    Change,
    LayerChange,
    ObservationChange,
    ablate,
    change_observation,
    clamp,
    mean_difference,
    patch,
    set_number,
    steer,
)
from workbench.analyses.intervention.decisions import DecisionEffect, decision_effect, layer_values
from workbench.analyses.intervention.search import PatchSearch, search_patches

__all__ = [
    "MEASURES",
    "BehaviourEffect",
    "Change",
    "ChangedPolicy",
    "DecisionEffect",
    "LayerChange",
    "ObservationChange",
    "PatchSearch",
    "ablate",
    "behaviour_effect",
    "change_observation",
    "clamp",
    "decision_effect",
    "layer_values",
    "mean_difference",
    "patch",
    "search_patches",
    "set_number",
    "steer",
]
