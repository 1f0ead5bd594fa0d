"""Monte Carlo tree search that leaves a complete trace: search games, replay a trace bit for bit, audit it."""

from workbench.search.choosing import choose_action, improved_policy, visit_policy, with_choice
from workbench.search.evaluators import Evaluator, TableEvaluator, TorchEvaluator, UniformEvaluator
from workbench.search.games import Game, play_line
from workbench.search.onnx_evaluator import OnnxEvaluator
from workbench.search.playouts import RandomPlayouts
from workbench.search.replay import Audit, Divergence, NodeView, TreeState, audit, rebuild, view_node
from workbench.search.searching import search
from workbench.search.settings import SearchSettings
from workbench.search.trace import SearchTrace

__all__ = [
    "Audit",
    "Divergence",
    "Evaluator",
    "Game",
    "NodeView",
    "OnnxEvaluator",
    "RandomPlayouts",
    "SearchSettings",
    "SearchTrace",
    "TableEvaluator",
    "TorchEvaluator",
    "TreeState",
    "UniformEvaluator",
    "audit",
    "choose_action",
    "improved_policy",
    "play_line",
    "rebuild",
    "search",
    "view_node",
    "visit_policy",
    "with_choice",
]
