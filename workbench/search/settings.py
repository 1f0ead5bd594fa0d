"""The options of a search, and the record of plain numbers that the compiled code takes them as."""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

from workbench.errors import WorkbenchError

RULES = ("puct", "uct", "gumbel")
FIRST_PLAYS = ("zero", "loss", "value", "reduced")
VALUE_SCALES = ("none", "siblings", "tree")


class Rules(NamedTuple):
    """`SearchSettings` as numbers."""

    rule: int
    exploration: float
    exploration_base: float
    first_play: int
    reduction: float
    value_scale: int
    discount: float
    prove: bool
    visits_offset: float
    completed_scale: float


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """How to search; all of it is kept with the trace.

    The number of visits of a node, N(s), counts its own evaluation and every simulation that went through it;
    N(s, a) counts the simulations that took a there, W(s, a) is the sum of what they brought back, Q = W / N.
    """

    rule: Literal["puct", "uct", "gumbel"] = "puct"
    """How an action is selected inside the tree.

    puct: the largest Q(s,a) + c(s) P(a|s) √N(s) / (1 + N(s,a)) with c(s) = exploration + ln((N(s) + base + 1) / base)
    (Silver et al. 2018). uct: the largest Q + exploration √(ln N(s) / N(s,a)), actions without a visit first (Kocsis
    and Szepesvári 2006). gumbel: sequential halving over the actions with the largest Gumbel + logit at the root,
    below it the largest π'(a) − N(s,a) / (1 + Σ N(s,b)) with the improved policy π' (Danihelka et al. 2022).
    """
    simulations: int = 800
    """How many simulations, at least 2; the evaluation of the root is not one of them."""
    exploration: float = 1.25
    exploration_base: float | None = 19652.0
    """None: c(s) = exploration, whatever the visits."""
    first_play: Literal["zero", "loss", "value", "reduced"] = "value"
    """Q of an action without a visit (puct): 0, −1, the value of its node, or that less `reduction` × √(the priors of
    the actions that have visits)."""
    reduction: float = 0.2
    value_scale: Literal["none", "siblings", "tree"] = "none"
    """What Q is mapped to [0, 1] by: nothing; the smallest and largest of the mean that came back to the node and of
    its actions' Q (mctx; an action without a visit has the smallest);
    the smallest and largest Q met in the tree (Schrittwieser et al. 2020)."""
    discount: float = 1.0
    noise: float = 0.0
    """Share of Dirichlet noise in the root's priors (puct), 0 to 1; 0.25 in AlphaZero's training."""
    noise_concentration: float | None = None
    """α of the noise; None: 10 / the number of legal actions."""
    considered: int = 16
    """How many actions Gumbel's root considers at first."""
    visits_offset: float = 50.0
    completed_scale: float = 0.1
    """σ(q) = (offset + max N) × scale × q of the completed and rescaled Q (gumbel)."""
    prove: bool = True
    """Keep what is proven: a node with a won child is won, one with none but lost children lost, and so on (Winands et
    al. 2008); proven losses are not selected again, and a search whose root is proven ends. Needs outcomes −1, 0, 1."""
    wave: int = 1
    """Leaves of *one* tree that are evaluated together, with a virtual loss on the way to each. More is quicker for a
    single search, and weaker: selections are made before the answers of the same wave are known."""

    def __post_init__(self) -> None:
        self._need(self.rule in RULES, f"rule must be one of {', '.join(RULES)}; got {self.rule!r}")
        self._need(
            self.first_play in FIRST_PLAYS,
            f"first_play must be one of {', '.join(FIRST_PLAYS)}; got {self.first_play!r}",
        )
        self._need(
            self.value_scale in VALUE_SCALES,
            f"value_scale must be one of {', '.join(VALUE_SCALES)}; got {self.value_scale!r}",
        )
        self._need(
            2 <= self.simulations <= 1_000_000,
            f"a search needs 2 to 1,000,000 simulations; got {self.simulations}. With none it would say what the "
            f"prior says, with one it would play the prior's favourite: use the policy without search for that",
        )
        numbers = {
            "exploration": self.exploration,
            "reduction": self.reduction,
            "visits_offset": self.visits_offset,
            "completed_scale": self.completed_scale,
        }
        for name, number in numbers.items():
            self._need(0 <= number < math.inf, f"{name} must be a number from 0 on; got {number}")
        self._need(
            self.exploration_base is None or 0 < self.exploration_base < math.inf,
            f"exploration_base must be above 0, or None; got {self.exploration_base}",
        )
        self._need(0 <= self.noise <= 1, f"noise is a share, 0 to 1; got {self.noise}")
        self._need(
            self.noise_concentration is None or 0 < self.noise_concentration < math.inf,
            f"noise_concentration must be above 0, or None; got {self.noise_concentration}",
        )
        self._need(0 < self.discount <= 1, f"discount must be above 0 and at most 1; got {self.discount}")
        self._need(self.considered >= 1, f"considered must be at least 1; got {self.considered}")
        self._need(1 <= self.wave <= 1024, f"wave must be 1 to 1024; got {self.wave}")
        self._need(
            not self.prove or self.discount == 1.0,
            f"outcomes are proven only where they are not discounted; got discount {self.discount} with prove=True",
        )

    @staticmethod
    def _need(right: bool, sentence: str) -> None:
        if not right:
            raise WorkbenchError(f"{sentence[0].upper()}{sentence[1:]}.")

    @property
    def rules(self) -> Rules:
        """The numbers that the compiled code takes."""
        return Rules(
            rule=RULES.index(self.rule),
            exploration=float(self.exploration),
            exploration_base=float(self.exploration_base or 0.0),
            first_play=FIRST_PLAYS.index(self.first_play),
            reduction=float(self.reduction),
            value_scale=VALUE_SCALES.index(self.value_scale),
            discount=float(self.discount),
            prove=bool(self.prove),
            visits_offset=float(self.visits_offset),
            completed_scale=float(self.completed_scale),
        )
