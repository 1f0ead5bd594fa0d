"""Representations: layers as maps, features and units, and how far to believe each picture."""

from workbench.analyses.representation.clusters import Clustering, cluster_layer
from workbench.analyses.representation.dimension import IntrinsicDimension, intrinsic_dimension
from workbench.analyses.representation.maps import LayerMap, map_layer
from workbench.analyses.representation.points import Points, draw_points
from workbench.analyses.representation.principal_components import PrincipalComponents, fit_components
from workbench.analyses.representation.similarity import Similarity, compare_layers, compare_recordings
from workbench.analyses.representation.transitions import TransitionGraph, transition_graph

__all__ = [
    "Clustering",
    "IntrinsicDimension",
    "LayerMap",
    "Points",
    "PrincipalComponents",
    "Similarity",
    "TransitionGraph",
    "cluster_layer",
    "compare_layers",
    "compare_recordings",
    "draw_points",
    "fit_components",
    "intrinsic_dimension",
    "map_layer",
    "transition_graph",
]
