"""Saliency: which parts of an observation or a layer a decision rests on, and how far to believe that."""

from workbench.analyses.saliency.baselines import BASELINES
from workbench.analyses.saliency.maps import Case, SaliencyMaps, possible_methods, saliency
from workbench.analyses.saliency.methods import METHODS
from workbench.analyses.saliency.preparing import prepare

__all__ = ["BASELINES", "METHODS", "Case", "SaliencyMaps", "possible_methods", "prepare", "saliency"]
