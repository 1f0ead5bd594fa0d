"""All that says how far a map can be believed, computed together."""

from dataclasses import dataclass

from workbench.analyses.saliency.causal import CausalCheck, causal_check
from workbench.analyses.saliency.fidelity import Fidelity, fidelity
from workbench.analyses.saliency.maps import Case, SaliencyMaps
from workbench.analyses.saliency.sanity import Sanity, Stability, sanity_check, stability


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What stands beside every map."""

    fidelity: Fidelity
    causal: CausalCheck
    sanity: Sanity | None
    """None where it was not asked for: it explains the decisions several times more."""
    stability: Stability | None


def evidence(case: Case, maps: SaliencyMaps, *, thorough: bool = True) -> Evidence:
    """Compute the evidence for maps.

    Args:
        case: What was explained.
        maps: How.
        thorough: Randomise the weights and the observations too, which costs some ten times the maps themselves.
    """
    return Evidence(
        fidelity=fidelity(case, maps),
        causal=causal_check(case, maps),
        sanity=sanity_check(case, maps) if thorough else None,
        stability=stability(case, maps) if thorough else None,
    )
