"""Representations as maps: what a layer looks like over all recorded steps, and how far each picture can be believed."""

from workbench.analyses.representation.clusters import Clustering, cluster_layer
from workbench.analyses.representation.maps import LayerMap, map_layer
from workbench.analyses.representation.points import Points, draw_points
from workbench.analyses.representation.principal_components import PrincipalComponents, fit_components
from workbench.analyses.representation.transitions import TransitionGraph, transition_graph

__all__ = [
    "Clustering",
    "LayerMap",
    "Points",
    "PrincipalComponents",
    "TransitionGraph",
    "cluster_layer",
    "draw_points",
    "fit_components",
    "map_layer",
    "transition_graph",
]
