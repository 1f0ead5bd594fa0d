"""All that says how far a map can be believed, computed together."""

from dataclasses import dataclass

from workbench.analyses.saliency.causal import CausalCheck, causal_check
from workbench.analyses.saliency.fidelity import Fidelity, fidelity
from workbench.analyses.saliency.maps import Case, SaliencyMaps
from workbench.analyses.saliency.sanity import Sanity, Stability, sanity_check, stability
from workbench.progress import Progress, SilentProgress


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What stands beside every map."""

    fidelity: Fidelity
    causal: CausalCheck
    sanity: Sanity | None
    """None where it was not asked for: it explains the decisions several times more."""
    stability: Stability | None


def evidence(case: Case, maps: SaliencyMaps, *, thorough: bool = True, progress: Progress | None = None) -> Evidence:
    """Compute the evidence for maps.

    Args:
        case: What was explained.
        maps: How.
        thorough: Randomise the weights and the observations too, which costs some ten times the maps themselves.
        progress: Is told how many parts of it are done.
    """
    told, parts = progress or SilentProgress(), 4 if thorough else 2
    told.update(0, parts, "deleting and inserting")
    faithful = fidelity(case, maps)
    told.update(1, parts, "patching")
    causal = causal_check(case, maps)
    told.update(2, parts, "randomising the weights")
    sane = sanity_check(case, maps) if thorough else None
    told.update(min(3, parts), parts, "adding noise")
    stable = stability(case, maps) if thorough else None
    told.update(parts, parts)
    return Evidence(fidelity=faithful, causal=causal, sanity=sane, stability=stable)
