"""What the commands can be told: one frozen dataclass a command, read by tyro from the command line.

Nothing here imports what a command needs to run, so that `--help` answers at once. The docstrings under the fields are
the help texts.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro import conf

from workbench.cli.analysis_options import (
    AtlasOptions,
    FeaturesOptions,
    HighlightsOptions,
    InterveneOptions,
    ProbeOptions,
    SaliencyOptions,
)
from workbench.cli.option_kinds import Switch, UsageError, argument, parse_keyword_arguments
from workbench.cli.search_options import SearchOptions
from workbench.cli.strength_options import StrengthOptions, TrainingRunOptions
from workbench.dashboard_settings import DEFAULT_PORT, DEFAULT_ROOT

ExportFormat = Literal["html", "mp4", "gif", "minari", "npz", "csv"]
"""The names of `workbench.exports.FORMATS`; a test holds the two together."""


@dataclass(frozen=True, kw_only=True)
class RecordOptions:
    """Let an agent act in an environment, and record everything that goes on inside it."""

    policy: Annotated[conf.Positional[str], conf.arg(metavar="POLICY")]
    """The agent: KIND:PATH, such as ppo:agent.zip (ppo a2c dqn sac td3 ddpg recurrent_ppo maskable_ppo trpo qrdqn tqc
    ars), or module:factory."""
    environment: Annotated[conf.Positional[str], conf.arg(metavar="ENV")]
    """The environment as gymnasium names it: CartPole-v1, or module:Name-v0."""
    episodes: Annotated[int | None, argument("N", "10")] = None
    """How many whole episodes to record."""
    steps: Annotated[int | None, argument("N")] = None
    """How many steps to record, instead of a number of episodes."""
    seed: Annotated[int, conf.arg(metavar="N")] = 0
    """Seed of the first episode; episode k is seeded with seed + k."""
    out: Annotated[str | None, argument("PATH", "runs/AGENT-ENV-seedN.zarr")] = None
    """Where the recording goes: a folder, or a URL that fsspec reaches (s3://bucket/name.zarr)."""
    layers: Annotated[tuple[str, ...], argument("PATTERN ...", "every leaf module")] = ()
    """Names or shell patterns of the layers to record."""
    envs: Annotated[int, conf.arg(metavar="N")] = 8
    """How many environments are stepped side by side."""
    frames: Switch = False
    """Record the environment's picture at every step."""
    no_labels: Switch = False
    """Leave out what is known to be true in known environments (CartPole, MiniGrid, Atari ...), truth/NAME."""
    deterministic: Switch = False
    """Take the most likely action (the default)."""
    stochastic: Switch = False
    """Sample the actions."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where the network runs."""
    threads: Annotated[int, conf.arg(metavar="N")] = 1
    """Threads of the network on the CPU; small networks are faster with one."""
    vec_normalize: Annotated[Path | None, argument("FILE")] = None
    """Statistics that normalise the observations: a file that VecNormalize saved."""
    wrappers: Annotated[tuple[str, ...], argument("NAME ...")] = ()
    """What to put around the environment, innermost first: atari, frame_stack:4, ..."""
    env_kwargs: Annotated[tuple[str, ...], argument("KEY=VALUE ...")] = ()
    """Options for making the environment: key=value pairs, or one JSON object."""
    search_simulations: Annotated[int | None, argument("N")] = None
    """Let the agent search before it acts, from where the environment is: so many simulations a step, guided by its
    network; every search is recorded."""
    search_rule: Annotated[Literal["puct", "uct", "gumbel"], argument("RULE", "puct")] = "puct"
    """How it selects: puct, uct or gumbel."""
    search_noise: Annotated[float, argument("SHARE", "0")] = 0.0
    """Share of Dirichlet noise in the root's priors (puct, with --stochastic)."""
    search_temperature: Annotated[float, argument("T", "1")] = 1.0
    """With --stochastic an action is drawn by its visits to the power of 1 / T."""
    search_discount: Annotated[float | None, argument("G", "0.99; in games 1")] = None
    """What a reward that is one step later counts in the search."""
    search_rollouts: Annotated[int | None, argument("N", "the network's values")] = None
    """Values in the search come from random play of at most so many steps; not in games."""
    float16: Switch = False
    """Keep the activations in half precision: half the size, not lossless."""
    trust_pickle: Switch = False
    """Let the agent's file run its own code while it is loaded. Only for files that you made yourself."""
    overwrite: Switch = False
    """Replace a recording that is there."""
    resume: Switch = False
    """Go on with the recording that is there, if one is and it was killed, stopped or failed; asked for as before."""
    flush_seconds: Annotated[float, conf.arg(metavar="S")] = 5.0
    """The longest that a step waits to be committed: what a killed process loses at most."""
    cluster: Annotated[str | None, argument("ADDRESS", "this process")] = None
    """A Dask scheduler whose workers record the episodes: tcp://host:8786."""

    @property
    def acts_deterministically(self) -> bool:
        """Whether the mode of the policy is taken."""
        if self.deterministic and self.stochastic:
            raise UsageError("--deterministic and --stochastic exclude each other; give one of them.")
        return not self.stochastic

    @property
    def searching(self) -> dict[str, Any] | None:
        """How the agent searches otherwise than usual, by the names of `SearchSettings`; None where it does not."""
        if self.search_simulations is None:
            others = (self.search_noise, self.search_discount, self.search_rollouts)
            if self.search_rule != "puct" or any(others) or self.search_temperature != 1.0:
                raise UsageError("How to search is said with --search-rule and the like; add --search-simulations N.")
            return None
        if self.search_temperature < 0:
            raise UsageError(f"--search-temperature must be at least 0; it is {self.search_temperature}.")
        if self.search_noise and (self.search_rule != "puct" or not self.stochastic):
            raise UsageError("--search-noise is for --search-rule puct with --stochastic; leave it out.")
        discount = {} if self.search_discount is None else {"discount": self.search_discount}
        return {
            "simulations": self.search_simulations,
            "rule": self.search_rule,
            "noise": self.search_noise,
            **discount,
        }

    @property
    def keyword_arguments(self) -> dict[str, Any]:
        """What `--env-kwargs` says."""
        return parse_keyword_arguments(self.env_kwargs)

    @property
    def path(self) -> str:
        """Where the recording goes."""
        if self.out is not None:
            return self.out
        kind, _, rest = self.policy.partition(":")
        agent = f"{kind}-{Path(rest).stem}" if rest else kind
        environment = self.environment.rpartition(":")[2]
        parts = [agent] if agent.endswith(environment) else [agent, environment]
        name = "-".join([*parts, f"seed{self.seed}"])
        return f"runs/{re.sub(r'[^A-Za-z0-9._-]+', '-', name)}.zarr"


@dataclass(frozen=True, kw_only=True)
class ListOptions:
    """List the recordings at or below a folder."""

    folder: Annotated[conf.Positional[str], conf.arg(metavar="DIR")] = "runs"
    """The folder, or a URL that fsspec reaches (s3://bucket/folder)."""
    json: Switch = False
    """Print JSON: a list with the summary of each recording, or the reason why it cannot be opened."""


@dataclass(frozen=True, kw_only=True)
class InfoOptions:
    """Say what a recording holds."""

    recording: Annotated[conf.Positional[str], conf.arg(metavar="RECORDING")]
    """The recording: a folder, or a URL that fsspec reaches."""
    json: Switch = False
    """Print JSON."""
    verify: Switch = False
    """Read all of it and say what is damaged, instead."""


@dataclass(frozen=True, kw_only=True)
class LabelOptions:
    """Add what was true at each step to a recording without labels, by doing its episodes again."""

    recording: Annotated[conf.Positional[str], conf.arg(metavar="RECORDING")]
    """The recording: a folder, or a URL that fsspec reaches."""
    imports: Annotated[tuple[str, ...], argument("MODULE ...")] = ()
    """Import these first: code of an environment that the recording names, or labellers of your own."""
    json: Switch = False
    """Print JSON."""


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Write a recording, or a part of it, in another format."""

    recording: Annotated[conf.Positional[str], conf.arg(metavar="RECORDING")]
    """The recording: a folder, or a URL that fsspec reaches."""
    format: ExportFormat
    """html: a page that plays one episode offline. mp4, gif: a video of one. minari: a Minari dataset. npz: activations
    for numpy. csv: a table of steps."""
    out: Annotated[Path | None, argument("PATH", "beside the recording")] = None
    """What to write."""
    episode: Annotated[int | None, argument("K", "0; npz, csv: all")] = None
    """Which episode, counted from 0."""
    layer: Annotated[tuple[str, ...], argument("PATTERN ...")] = ()
    """Names or shell patterns of layers (npz: at least one; html: one)."""
    fps: Annotated[float | None, argument("F", "what the environment says")] = None
    """Frames a second of a video."""
    size: Annotated[int | None, argument("PIXELS", "256")] = None
    """The shorter side of a video, at least."""
    dataset_id: Annotated[str | None, argument("NAME-v0")] = None
    """Name of the Minari dataset."""
    overwrite: Switch = False
    """Replace what is there."""


@dataclass(frozen=True, kw_only=True)
class AppOptions:
    """Serve the dashboard on this machine's loopback address."""

    folder: Annotated[conf.Positional[str], conf.arg(metavar="DIR")] = DEFAULT_ROOT
    """The folder of recordings, or a URL that fsspec reaches; nothing outside it can be opened."""
    port: Annotated[int, conf.arg(metavar="PORT")] = DEFAULT_PORT
    """The port."""
    script: Annotated[Path | None, argument("FILE", "none")] = None
    """A dashboard that offers agents of its own, such as the checkout's app.py; it is code, and runs."""


Options = (
    Annotated[RecordOptions, conf.subcommand("record")]
    | Annotated[ListOptions, conf.subcommand("list")]
    | Annotated[InfoOptions, conf.subcommand("info")]
    | Annotated[LabelOptions, conf.subcommand("label")]
    | Annotated[ExportOptions, conf.subcommand("export")]
    | Annotated[SaliencyOptions, conf.subcommand("saliency")]
    | Annotated[InterveneOptions, conf.subcommand("intervene")]
    | Annotated[ProbeOptions, conf.subcommand("probe")]
    | Annotated[AtlasOptions, conf.subcommand("atlas")]
    | Annotated[FeaturesOptions, conf.subcommand("features")]
    | Annotated[HighlightsOptions, conf.subcommand("highlights")]
    | Annotated[SearchOptions, conf.subcommand("search")]
    | Annotated[StrengthOptions, conf.subcommand("strength")]
    | Annotated[TrainingRunOptions, conf.subcommand("training-run")]
    | Annotated[AppOptions, conf.subcommand("app")]
)
