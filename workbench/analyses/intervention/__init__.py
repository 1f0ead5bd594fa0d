"""Interventions: what changes when a layer or an observation of a live policy is changed, beside random changes."""

from workbench.analyses.intervention.behaviour import MEASURES, BehaviourEffect, Visits, behaviour_effect
from workbench.analyses.intervention.changed_policy import ChangedPolicy
from workbench.analyses.intervention.changes import Change, LayerChange, ObservationChange, ablate, clamp, patch
from workbench.analyses.intervention.covering import Rectangle, cover
from workbench.analyses.intervention.decision_effects import DecisionEffect
from workbench.analyses.intervention.decisions import decision_effect, layer_values
from workbench.analyses.intervention.directions import Direction, direction_between, sweep_scales, target_toward
from workbench.analyses.intervention.policy_fields import PolicyField, find_mover, policy_field
from workbench.analyses.intervention.search import PatchSearch, search_patches
from workbench.analyses.intervention.showing import change_observation, set_number
from workbench.analyses.intervention.state_edits import StateEffect, state_effect
from workbench.analyses.intervention.steering import mean_difference, project_out, steer

__all__ = [
    "MEASURES",
    "BehaviourEffect",
    "Change",
    "ChangedPolicy",
    "DecisionEffect",
    "Direction",
    "LayerChange",
    "ObservationChange",
    "PatchSearch",
    "PolicyField",
    "Rectangle",
    "StateEffect",
    "Visits",
    "ablate",
    "behaviour_effect",
    "change_observation",
    "clamp",
    "cover",
    "decision_effect",
    "direction_between",
    "find_mover",
    "layer_values",
    "mean_difference",
    "patch",
    "policy_field",
    "project_out",
    "search_patches",
    "set_number",
    "state_effect",
    "steer",
    "sweep_scales",
    "target_toward",
]
