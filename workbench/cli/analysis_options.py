"""What the commands that analyse a recording can be told; their other half is `workbench.cli.options`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro import conf

from workbench.cli.option_kinds import Switch, UsageError, argument

ProbeKindName = Literal["linear", "logistic", "sparse", "mass-mean", "mass-mean-corrected", "mlp", "mdl"]
"""The names of `workbench.analyses.probing.KINDS`; a test holds the two together."""


@dataclass(frozen=True, kw_only=True)
class SaliencyOptions:
    """Say what recorded decisions rest on, and how far to believe it."""

    recording: Annotated[conf.Positional[str], conf.arg(metavar="RECORDING")]
    """The recording: a folder, or a URL that fsspec reaches."""
    episode: Annotated[int | None, argument("K", "the one the dashboard opens on")] = None
    """The episode of the decision, counted from 0."""
    step: Annotated[int | None, argument("T", "0")] = None
    """The step in the episode, counted from 0."""
    sample: Annotated[int | None, argument("N")] = None
    """Explain so many steps drawn from the whole recording instead, which gives the evidence intervals."""
    method: Annotated[tuple[str, ...], argument("NAME ...", "integrated_gradients")] = ("integrated_gradients",)
    """How: gradient, gradient_times_input, smooth_grad, integrated_gradients, expected_gradients, deep_lift,
    guided_backprop, grad_cam, occlusion, blur, blur_policy, sarfa, rise, feature_ablation, kernel_shap,
    object_ablation."""
    target: Annotated[str | None, argument("TARGET", "the action taken")] = None
    """What: log_odds, log_probability, probability, logit, q or advantage, each of the action taken or :ACTION;
    difference:ACTION-ACTION, or difference:-ACTION against the one taken; value; entropy; mean:COMPONENT."""
    layer: Annotated[str | None, argument("NAME", "the observation")] = None
    """Attribute to this layer's units instead."""
    baseline: Annotated[str, conf.arg(metavar="NAME")] = "mean"
    """What stands for nothing: zero, black, mean, blurred or random_step."""
    patch: Annotated[int | None, argument("PIXELS", "about 100 patches")] = None
    """Side of an image's regions."""
    window: Annotated[int, conf.arg(metavar="P")] = 1
    """How many observations are explained, the decision's own the last: they reach it through the policy's memory."""
    seed: Annotated[int, conf.arg(metavar="N")] = 0
    """Of everything that is drawn."""
    batch_size: Annotated[int | None, argument("N", "by the observation's size")] = None
    """How many rows go through the network at a time; it bounds the memory."""
    quick: Switch = False
    """Leave out the checks that explain the decisions again: randomised weights, and noise."""
    imports: Annotated[tuple[str, ...], argument("MODULE ...")] = ()
    """Import these first: code of an agent or an environment that the recording names, which you trust."""
    trust_pickle: Switch = False
    """Let the agent's file inside the recording run its own code. Only for recordings of your own agents."""
    json: Switch = False
    """Print JSON."""
    out: Annotated[Path | None, argument("FILE", "none")] = None
    """Write the first decision's map with its evidence as a picture (.png, .svg, .pdf), or all arrays (.npz)."""
    overwrite: Switch = False
    """Replace what is there."""


@dataclass(frozen=True, kw_only=True)
class InterveneOptions:
    """Change a layer or an observation of the agent, and say what that does, beside random changes."""

    recording: Annotated[conf.Positional[str], conf.arg(metavar="RECORDING")]
    """The recording: a folder, or a URL that fsspec reaches."""
    layer: Annotated[str | None, argument("NAME")] = None
    """The layer that is changed."""
    units: Annotated[tuple[int, ...], argument("U ...", "all")] = ()
    """Which of its channels (of a convolution's output) or units."""
    ablate: Annotated[Literal["zero", "mean", "resample"] | None, argument("HOW")] = None
    """Take them out: zero, mean (over the recording), or resample (from random steps)."""
    clamp: Annotated[float | None, argument("VALUE")] = None
    """Hold them at a value."""
    patch_from: Annotated[str | None, argument("K:T")] = None
    """Put in what they were at step T of episode K."""
    donor: Annotated[str | None, argument("RECORDING", "this one")] = None
    """Patch from that episode of another recording, and from the agent that is kept there."""
    steer: Annotated[Path | None, argument("FILE.npy")] = None
    """Add a vector of the layer's shape."""
    steer_toward: Annotated[str | None, argument("EXPRESSION")] = None
    """Add the layer's mean over steps at which this holds (such as "action == 2 and truth.distance < 4") …"""
    steer_away: Annotated[str | None, argument("EXPRESSION", "all other steps")] = None
    """… less its mean over steps at which this holds."""
    scale: Annotated[tuple[float, ...], conf.arg(metavar="S ...")] = (1.0,)
    """How much of the vector; several are compared."""
    cover: Annotated[tuple[str, ...], argument("[KEY:]TOP,LEFT,HEIGHT,WIDTH=VALUE ...")] = ()
    """Fill a rectangle of the picture that the agent sees with a value, or (=K:T) as another step shows it."""
    set: Annotated[tuple[str, ...], argument("NAME=VALUE ...")] = ()
    """Show the agent a value in a number of its observation, by name or place."""
    search_from: Annotated[str | None, argument("K:T")] = None
    """Instead: patch every unit of every layer (or of --layer) from step T of episode K, and list what moves most."""
    edit: Annotated[tuple[str, ...], argument('"NAME KEY=VALUE ..." ...')] = ()
    """Instead: edit the state of the environment at the step, and ask the agent again."""
    field: Annotated[Path | None, argument("FILE", "none")] = None
    """Also draw where the agent would go from every square of a maze, before and after (.png, .svg, .pdf)."""
    overwrite: Switch = False
    """Replace what is there."""
    episode: Annotated[int | None, argument("K", "the one the dashboard opens on")] = None
    """The episode of the decision that is changed."""
    step: Annotated[int | None, argument("T", "0")] = None
    """The step in the episode."""
    sample: Annotated[int | None, argument("N")] = None
    """Change so many steps drawn from the whole recording instead."""
    target: Annotated[str | None, argument("TARGET", "the action taken")] = None
    """The number whose change is measured, as for workbench saliency."""
    controls: Annotated[int, conf.arg(metavar="N")] = 20
    """Random changes of the same size that it is compared with."""
    rollouts: Annotated[int | None, argument("N")] = None
    """Also let the agent act with the change held on, N episodes, and the same without."""
    visits: Annotated[str | None, argument("LABEL", "none")] = None
    """Count on which squares it is then, by a truth label of row and column (with --rollouts)."""
    seed: Annotated[int, conf.arg(metavar="N")] = 0
    """Of everything that is drawn, and of the first episode."""
    imports: Annotated[tuple[str, ...], argument("MODULE ...")] = ()
    """Import these first: code of an agent or an environment that the recording names, which you trust."""
    trust_pickle: Switch = False
    """Let the agent's file inside the recording run its own code. Only for recordings of your own agents."""
    json: Switch = False
    """Print JSON."""


@dataclass(frozen=True, kw_only=True)
class ProbeOptions:
    """Say what recorded layers know, beside what the input, a random network and a random label would give."""

    recording: Annotated[conf.Positional[str], conf.arg(metavar="RECORDING")]
    """The recording: a folder, or a URL that fsspec reaches."""
    concept: Annotated[tuple[str, ...], argument("CONCEPT ...", "all that the recording offers")] = ()
    """What: action_in:K, planned_in:K (by its search), reward_within:K, steps_to_end, return_to_go, success, phase,
    new_observation, or an expression over recorded columns, such as "truth.distance < 4" or truth.mouse[0]."""
    layer: Annotated[tuple[str, ...], argument("NAME ...", "all")] = ()
    """Where: recorded layers."""
    kind: Annotated[ProbeKindName, argument("KIND", "linear")] = "linear"
    """How: linear, logistic, sparse, mass-mean, mass-mean-corrected, mlp, mdl."""
    mistakes: Annotated[int | None, argument("N")] = None
    """Also list so many steps that the probe decides wrongly, the surest first (of one concept and one layer)."""
    concepts: Switch = False
    """List the concepts that the recording offers, and stop."""
    squares: Literal[1, 3] | None = None
    """Instead: probe each square of convolutional layers, reading its place alone (1) or with its neighbours (3), for
    will_cross:LABEL, here:LABEL, enters_from:LABEL, or a label of squares."""
    push: Annotated[str | None, argument("CLASS")] = None
    """Instead: push this class in the live agent (of one concept and layer): do decisions and behaviour follow?"""
    follows: Annotated[str | None, argument("EXPRESSION", "the concept is of the class")] = None
    """What following means, at the agent's next step (with --push), such as "action == 3"."""
    pair: Annotated[tuple[str, str] | None, argument("PLACE PLACE")] = None
    """Instead: probe two places together, for what neither says alone. A place is LAYER, or LAYER@ROW,COLUMN: one
    square of a convolution, by numbers or expressions (conv@truth.mouse[0],truth.mouse[1])."""
    beside: Annotated[tuple[str, ...], argument("RECORDING ...")] = ()
    """Instead: further checkpoints of the same training, in their order; a surface of layers by checkpoints."""
    no_random_network: Switch = False
    """Leave out the baseline with random weights, which needs the agent to be built."""
    out: Annotated[Path | None, argument("FILE.npz", "none")] = None
    """Keep the probe (of one concept and one layer, or one pair)."""
    overwrite: Switch = False
    """Replace what is there."""
    seed: Annotated[int, conf.arg(metavar="N")] = 0
    """Of the split of the episodes, of random weights and labels, and of the intervals."""
    imports: Annotated[tuple[str, ...], argument("MODULE ...")] = ()
    """Import these first: code of an agent that the recording names, which you trust."""
    trust_pickle: Switch = False
    """Let the agent's file inside the recording run its own code. Only for recordings of your own agents."""
    json: Switch = False
    """Print JSON."""


@dataclass(frozen=True, kw_only=True)
class AtlasOptions:
    """Map recorded layers: principal components or UMAP, clusters and the ways between them, dimension, similarity."""

    recording: Annotated[conf.Positional[str], conf.arg(metavar="RECORDING")]
    """The recording: a folder, or a URL that fsspec reaches."""
    layer: Annotated[tuple[str, ...], argument("NAME ...", "all")] = ()
    """Where: recorded layers."""
    method: Literal["pca", "umap"] = "pca"
    """How the map is made."""
    points: Annotated[int, conf.arg(metavar="N")] = 20_000
    """At most so many steps, drawn evenly over the episodes (50,000 at most)."""
    neighbours: Annotated[int, conf.arg(metavar="K")] = 15
    """Of UMAP, and of the trustworthiness of the map."""
    minimum_distance: Annotated[float, conf.arg(metavar="D")] = 0.1
    """Of UMAP: how closely points may lie, 0 to 1."""
    colour: Annotated[str, conf.arg(metavar="CONCEPT")] = "value"
    """What the points are coloured by: a concept as for workbench probe, action, value, reward, episode, t, or
    cluster."""
    path: Annotated[int | None, argument("K", "none")] = None
    """Draw the path of this episode."""
    clusters: Annotated[str | None, argument("K|auto", "none")] = None
    """Also find so many clusters, or as many as the silhouette chooses."""
    similarity: Switch = False
    """Also compare the layers with each other (linear CKA), and with random weights where the agent can be built."""
    out: Annotated[Path | None, argument("FILE", "none")] = None
    """Draw the map of one layer (.png, .svg, .pdf)."""
    overwrite: Switch = False
    """Replace what is there."""
    seed: Annotated[int, conf.arg(metavar="N")] = 0
    """Of everything that is drawn."""
    imports: Annotated[tuple[str, ...], argument("MODULE ...")] = ()
    """Import these first: code of an agent that the recording names, which you trust (with --similarity)."""
    trust_pickle: Switch = False
    """Let the agent's file inside the recording run its own code. Only for recordings of your own agents."""
    json: Switch = False
    """Print JSON."""


@dataclass(frozen=True, kw_only=True)
class FeaturesOptions:
    """Take a layer apart into features, and say what they are, what they do, and what they leave out."""

    recording: Annotated[conf.Positional[str], conf.arg(metavar="RECORDING")]
    """The recording: a folder, or a URL that fsspec reaches."""
    layer: Annotated[str | None, argument("NAME")] = None
    """Which recorded layer (needed unless --features names some)."""
    method: Annotated[Literal["nmf", "sparse-autoencoder"], argument("METHOD", "sparse-autoencoder")] = (
        "sparse-autoencoder"
    )
    """How: nmf (non-negative matrix factorisation) or sparse-autoencoder."""
    count: Annotated[int | None, argument("K", "by the layer's width")] = None
    """How many features."""
    active: Annotated[int | None, argument("N", "an eighth of them, at most 16")] = None
    """Of an autoencoder: how many features of a sample are kept (top-k)."""
    sparsity: Annotated[float | None, argument("WEIGHT")] = None
    """Of an autoencoder: an L1 cost of this weight in place of top-k."""
    updates: Annotated[int, conf.arg(metavar="N")] = 2_000
    """Of an autoencoder: how many batches it is trained on."""
    resume: Annotated[Path | None, argument("FILE.npz", "none")] = None
    """Of an autoencoder: keep the training here meanwhile, and go on with it where it is there."""
    features: Annotated[Path | None, argument("FILE.npz")] = None
    """Instead of making some: features that were kept with --out, applied to this recording of the same network."""
    units: Switch = False
    """Instead: the layer's single units: what they are tuned to, how redundant they are, which are dead."""
    rollouts: Annotated[int, conf.arg(metavar="N")] = 20
    """Episodes in which the agent acts through the features; 0 for none."""
    effects: Annotated[int, conf.arg(metavar="N")] = 4
    """Of how many features the effect on decisions is measured; 0 for none."""
    quick: Switch = False
    """Leave out all that needs the agent to be built: effects, and return."""
    out: Annotated[Path | None, argument("FILE.npz", "none")] = None
    """Keep the features."""
    figure: Annotated[Path | None, argument("FILE.png", "none")] = None
    """Draw the steps that activate each feature most (.png, .svg, .pdf); of units, their tuning."""
    overwrite: Switch = False
    """Replace what is there."""
    seed: Annotated[int, conf.arg(metavar="N")] = 0
    """Of the held-out episodes, and of all that is drawn."""
    imports: Annotated[tuple[str, ...], argument("MODULE ...")] = ()
    """Import these first: code of an agent or an environment that the recording names, which you trust."""
    trust_pickle: Switch = False
    """Let the agent's file inside the recording run its own code. Only for recordings of your own agents."""
    json: Switch = False
    """Print JSON."""


@dataclass(frozen=True, kw_only=True)
class HighlightsOptions:
    """Find the moments that tell most about an agent, and write them as a reel."""

    recording: Annotated[conf.Positional[str], conf.arg(metavar="RECORDING")]
    """The recording: a folder, or a URL that fsspec reaches."""
    count: Annotated[int, conf.arg(metavar="K")] = 5
    """How many moments."""
    length: Annotated[int, conf.arg(metavar="STEPS")] = 30
    """How many steps are shown of each."""
    after: Annotated[int | None, argument("STEPS", "a third, at most 10")] = None
    """How many of them come after it."""
    interval: Annotated[int | None, argument("STEPS", "as --length")] = None
    """How many steps of an episode lie between two moments at least."""
    measure: Annotated[str | None, argument("MEASURE", "the first of --measures")] = None
    """How important a step is: q_gap, q_second_gap, log_probability_spread, probability_gap, value_change,
    one_step_error, or an expression over recorded columns, such as "abs(reward)"."""
    measures: Switch = False
    """List the measures that the recording has the columns for, and stop."""
    diverse: Switch = False
    """No two moments alike: HIGHLIGHTS-DIV (the default)."""
    no_diverse: Switch = False
    """The most important moments, however alike: HIGHLIGHTS."""
    layer: Annotated[str | None, argument("NAME", "the observation")] = None
    """Compare states by this layer."""
    published: Switch = False
    """Pass over what follows a moment that was taken, as the paper does, even where that is more important."""
    seed: Annotated[int, conf.arg(metavar="N")] = 0
    """Of the reels that it is compared with, and of what is sampled."""
    out: Annotated[Path | None, argument("FILE", "none")] = None
    """Write the reel: a page that plays it (.html), a video (.mp4, .gif), or a sheet of pictures (.png)."""
    fps: Annotated[float | None, argument("F", "what the environment says")] = None
    """Frames a second of a video."""
    overwrite: Switch = False
    """Replace what is there."""
    imports: Annotated[tuple[str, ...], argument("MODULE ...")] = ()
    """Import these first: code that the recording names, which you trust."""
    json: Switch = False
    """Print JSON."""

    @property
    def is_diverse(self) -> bool:
        """Whether no two moments may be alike."""
        if self.diverse and self.no_diverse:
            raise UsageError("--diverse and --no-diverse exclude each other; give one of them.")
        return not self.no_diverse
