"""`workbench features`: a layer taken apart, beside what it leaves out; or a layer's single units."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cli.analysis_options import FeaturesOptions
from workbench.cli.feature_words import describe, facts_of
from workbench.cli.option_kinds import UsageError
from workbench.cli.progress import TerminalProgress
from workbench.cli.recorded_names import check_layers
from workbench.cli.steps import import_modules
from workbench.cli.table import to_json
from workbench.progress import Cancelled, Progress

if TYPE_CHECKING:
    from workbench.analyses.representation.feature_activity import FeatureReport
    from workbench.analyses.representation.feature_concepts import FeatureConcept
    from workbench.analyses.representation.feature_effects import FeatureEffect
    from workbench.analyses.representation.features import LayerFeatures
    from workbench.analyses.representation.substitution import Substitution
    from workbench.recording import Recording

FIGURES = (".png", ".svg", ".pdf")
DRAWN_FEATURES, DRAWN_STEPS = 12, 6


def run(options: FeaturesOptions) -> None:
    """Take a layer apart, and print what came of it.

    Raises:
        WorkbenchError: What `fit_features` and what follows it raise.
    """
    _check(options)
    import_modules(options.imports)
    from workbench.recording import open_recording

    recording = open_recording(options.recording)
    if options.layer is not None:
        check_layers(recording, [options.layer])
    if options.units:
        from workbench.cli.units import run_units

        run_units(options, recording)
        return
    from workbench.analyses.representation.feature_activity import feature_report
    from workbench.analyses.representation.feature_concepts import feature_concepts

    features, interrupted = _features(options, recording)
    if options.out is not None:
        from workbench.exports.output import writing

        with writing(options.out, overwrite=options.overwrite) as partial:
            features.save(partial)
        sys.stderr.write(f"{options.out}\n")
    with progress_of("reading features", "steps") as told:
        report = feature_report(recording, features, progress=told)
    with progress_of("concepts", "shuffles") as told:
        concepts = feature_concepts(recording, features, seed=options.seed, progress=told)
    effects, substitution = _live(options, recording, report)
    if options.figure is not None:
        _draw(options, recording, report, concepts)
    if options.json:
        sys.stdout.write(f"{to_json(facts_of(options, report, concepts, effects, substitution))}\n")
    else:
        sys.stdout.write(f"{describe(report, concepts, effects, substitution)}\n")
    if interrupted:
        kept = f"; go on with --resume {options.resume}" if options.resume is not None else ""
        raise KeyboardInterrupt(f"Interrupted before all updates were made: these are the features as they were{kept}.")


@contextmanager
def progress_of(description: str, unit: str) -> Iterator[TerminalProgress]:
    """A bar that is taken away in the end."""
    told = TerminalProgress(description, unit)
    try:
        yield told
    finally:
        told.close()


class Stoppable:
    """A progress that Ctrl-C stops at the next report, so that what was made until then is kept."""

    def __init__(self, told: Progress) -> None:
        self._told, self._stopped = told, False
        self.heeded = False
        """Whether what reports here has been stopped."""

    def __enter__(self) -> "Stoppable":
        self._before = signal.signal(signal.SIGINT, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def update(self, done: int, total: int, message: str = "") -> None:
        """Report, or stop."""
        if self._stopped:
            self.heeded = True
            raise Cancelled
        self._told.update(done, total, message)

    def close(self) -> None:
        """Whoever made the other one closes it."""

    def _stop(self, number: int, frame: Any) -> None:
        if self._stopped:
            raise KeyboardInterrupt
        self._stopped = True


def _check(options: FeaturesOptions) -> None:
    if options.layer is None and options.features is None:
        raise UsageError("Name the layer (--layer NAME), or features that were kept (--features FILE.npz).")
    if options.features is not None and (options.units or options.resume is not None or options.out is not None):
        raise UsageError("--features applies what was made; leave out --units, --resume and --out.")
    for name, path, suffixes in (
        ("--out", options.out, (".npz",)), ("--resume", options.resume, (".npz",)),
        ("--figure", options.figure, FIGURES),
    ):  # fmt: skip
        if path is not None and path.suffix not in suffixes:
            raise UsageError(f"{name} takes a name that ends in {' or '.join(suffixes)}; came {path.name!r}.")
    if options.rollouts < 0 or options.effects < 0:
        raise UsageError("--rollouts and --effects are at least 0.")


def _features(options: FeaturesOptions, recording: "Recording") -> "tuple[LayerFeatures, bool]":
    from workbench.analyses.representation.features import load_features
    from workbench.analyses.representation.fitting import fit_features

    if options.features is not None:
        return load_features(options.features), False
    assert options.layer is not None
    with progress_of("making features", "updates") as told, Stoppable(told) as stoppable:
        try:
            made = fit_features(
                recording, options.layer, method=options.method, count=options.count, active=options.active,
                sparsity=options.sparsity, updates=options.updates, seed=options.seed, checkpoint=options.resume,
                progress=stoppable,
            )  # fmt: skip
            return made, stoppable.heeded
        except Cancelled:
            raise KeyboardInterrupt("Interrupted before anything was made.") from None


def _live(
    options: FeaturesOptions, recording: "Recording", report: "FeatureReport"
) -> tuple[tuple["FeatureEffect | None", ...], "Substitution | None"]:
    """What needs the agent: effects on decisions, and the return through the features."""
    if options.quick or not (options.rollouts or options.effects):
        return (), None
    from workbench.analyses.representation.feature_effects import feature_effects
    from workbench.analyses.representation.substitution import return_under_substitution

    policy = recording.policy(trust_pickle=options.trust_pickle)
    effects: tuple[FeatureEffect | None, ...] = ()
    remembered = report.features.layer.endswith((".hidden", ".cell"))
    if options.effects and not remembered:
        numbers = tuple(int(number) for number in report.order[: options.effects] if not report.dead[number])
        with progress_of("effects", "features") as told:
            effects = feature_effects(recording, report.features, policy, numbers, seed=options.seed, progress=told)
    if not options.rollouts:
        return effects, None
    with progress_of("acting through the features", "episodes") as told:
        return effects, return_under_substitution(
            recording, report.features, policy, episodes=options.rollouts, progress=told
        )


def _draw(
    options: FeaturesOptions,
    recording: "Recording",
    report: "FeatureReport",
    concepts: "tuple[FeatureConcept | None, ...]",
) -> None:
    from workbench.analyses.representation.examples import examples_at
    from workbench.figures.features import SheetRow, contact_sheet, sheet_title

    rows = [
        SheetRow(
            title=sheet_title(report, number, concepts[number]),
            examples=examples_at(
                recording, report.top_rows[number, :DRAWN_STEPS], report.top_activations[number, :DRAWN_STEPS]
            ),
        )
        for number in map(int, report.order[:DRAWN_FEATURES])
        if not report.dead[number]
    ]
    save_figure(contact_sheet(rows, number_names=recording.observation_names or ()), options)


def save_figure(figure: Any, options: FeaturesOptions) -> None:
    """Write a figure where --figure says."""
    from workbench.exports.output import writing

    path: Path | None = options.figure
    assert path is not None
    with writing(path, overwrite=options.overwrite) as partial:
        figure.savefig(partial, dpi=150, bbox_inches="tight", facecolor="white")
    sys.stderr.write(f"{path}\n")
