"""`workbench features`: a layer taken apart, beside what it leaves out; or a layer's single units."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cli.options import FeaturesOptions, UsageError
from workbench.cli.progress import TerminalProgress
from workbench.cli.steps import import_modules
from workbench.cli.table import format_table, to_json
from workbench.printable import printable
from workbench.progress import Cancelled, Progress

if TYPE_CHECKING:
    from workbench.analyses.probing.scores import Interval
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
    if options.units:
        from workbench.cli.units import run_units

        run_units(options, recording)
        return
    from workbench.analyses.representation.feature_activity import feature_report
    from workbench.analyses.representation.feature_concepts import feature_concepts

    features = _features(options, recording)
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
        sys.stdout.write(f"{to_json(_facts(options, report, concepts, effects, substitution))}\n")
    else:
        sys.stdout.write(f"{_describe(report, concepts, effects, substitution)}\n")


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

    def __enter__(self) -> "Stoppable":
        self._before = signal.signal(signal.SIGINT, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def update(self, done: int, total: int, message: str = "") -> None:
        """Report, or stop."""
        if self._stopped:
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


def _features(options: FeaturesOptions, recording: "Recording") -> "LayerFeatures":
    from workbench.analyses.representation.features import load_features
    from workbench.analyses.representation.fitting import fit_features

    if options.features is not None:
        return load_features(options.features)
    assert options.layer is not None
    with progress_of("making features", "updates") as told, Stoppable(told) as stoppable:
        try:
            return fit_features(
                recording, options.layer, method=options.method, count=options.count, active=options.active,
                sparsity=options.sparsity, updates=options.updates, seed=options.seed, checkpoint=options.resume,
                progress=stoppable,
            )  # fmt: skip
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


def interval_words(one: "Interval") -> str:
    """`0.91 [0.87, 0.94]`, or the value alone where there is no interval."""
    return str(one) if one.low == one.low else f"{one.value:.2f} [no interval]".replace("-", "−")


def _describe(
    report: "FeatureReport",
    concepts: "tuple[FeatureConcept | None, ...]",
    effects: "tuple[FeatureEffect | None, ...]",
    substitution: "Substitution | None",
) -> str:
    features = report.features
    what = "step" if features.places == 1 else "step and place"
    lines = [
        f"{features.count} features of {printable(features.layer)}: {features.made}",
        f"active: {report.active_features:.3g} a {what} on average; dead (never active): {int(report.dead.sum())}",
        "",
        f"variance explained, {report.held_out_episodes} held-out episodes [95 %]",
        *_aligned(
            ("features", interval_words(report.explained)),
            (f"{report.pca_count} principal components", interval_words(report.pca)),
            (f"{report.pca_active_count} principal components", interval_words(report.pca_active)),
            ("mean of the learned episodes", "0.00 by definition"),
        ),
        "",
    ]
    if substitution is None:
        lines += ["return through the features: the agent was not run", ""]
    else:
        lines += [
            f"return, {len(substitution.seeds)} episodes of the same seeds",
            *_aligned(
                ("agent as it is", str(substitution.estimates["unchanged"])),
                ("through the features", str(substitution.estimates["substituted"])),
                ("layer at its mean", str(substitution.estimates["ablated"])),
                ("through them less as it is", str(substitution.estimates["lost"])),
            ),
            f"  {substitution.verdict}",
            "",
        ]
    lines.append(_table(report, concepts, effects))
    lines += [f"note: {note}" for note in report.notes]
    return "\n".join(lines)


def _aligned(*rows: tuple[str, str]) -> list[str]:
    width = max(len(name) for name, _ in rows)
    return [f"  {name.ljust(width)}  {value}" for name, value in rows]


def _table(
    report: "FeatureReport",
    concepts: "tuple[FeatureConcept | None, ...]",
    effects: "tuple[FeatureEffect | None, ...]",
) -> str:
    from workbench.figures.features import share_words

    by_feature = {one.feature: one for one in effects if one is not None}
    header = ("feature", "active at", "largest", "top step", "goes together with", "r [95 %]", "by chance", "taken out")
    rows = []
    for number in report.order:
        if report.dead[number]:
            continue
        concept, effect = concepts[number], by_feature.get(int(number))
        rows.append(
            (
                str(number),
                share_words(float(report.density.mean[number])),
                f"{report.largest[number]:.3g}",
                str(int(report.top_rows[number, 0])),
                "–" if concept is None else printable(_concept_words(concept)),
                "–" if concept is None else interval_words(concept.correlation),
                "–" if concept is None else f"{concept.control:.2f}, p = {concept.chance_of_any:.2g}",
                "–" if effect is None else ("matters" if effect.matters else "no more than random"),
            )
        )
    return format_table(header, rows, right=(0, 1, 2, 3))


def _concept_words(concept: "FeatureConcept") -> str:
    return f"{concept.concept} is {concept.which}" if concept.which else concept.concept


def _facts(
    options: FeaturesOptions,
    report: "FeatureReport",
    concepts: "tuple[FeatureConcept | None, ...]",
    effects: "tuple[FeatureEffect | None, ...]",
    substitution: "Substitution | None",
) -> dict[str, Any]:
    """Everything but the directions in plain JSON."""
    features = report.features
    by_feature = {one.feature: one for one in effects if one is not None}
    names = ("explained", "pca", "more_than_pca", "pca_active")
    return {
        "recording": options.recording,
        "layer": features.layer,
        "method": features.method,
        "made": features.made,
        "seed": features.seed,
        "count": features.count,
        "dead": int(report.dead.sum()),
        "active_features": report.active_features,
        "steps": report.steps,
        "episodes": report.episodes,
        "held_out_episodes": report.held_out_episodes,
        **{name: asdict(getattr(report, name)) for name in names},
        "pca_count": report.pca_count,
        "pca_active_count": report.pca_active_count,
        "substitution": None
        if substitution is None
        else {
            **{name: asdict(one) for name, one in substitution.estimates.items()},
            "kept": None if substitution.kept is None else asdict(substitution.kept),
            "first_seed": int(substitution.seeds[0]),
            "verdict": substitution.verdict,
        },
        "features": [
            {
                "feature": number,
                "density": float(report.density.mean[number]),
                "density_low": float(report.density.low[number]),
                "density_high": float(report.density.high[number]),
                "largest": float(report.largest[number]),
                "top_rows": [int(row) for row in report.top_rows[number] if row >= 0],
                "concept": _concept_facts(concepts[number]),
                "effect": _effect_facts(by_feature.get(number)),
            }
            for number in range(features.count)
        ],
        "notes": list(report.notes),
    }


def _concept_facts(one: "FeatureConcept | None") -> dict[str, Any] | None:
    return None if one is None else {**asdict(one), "verdict": one.verdict}


def _effect_facts(one: "FeatureEffect | None") -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        name: {"size": asdict(effect.size), "effect": asdict(effect.effect), "chance": effect.chance,
               "target": effect.target, "flipped": float(effect.flipped.mean()), "verdict": effect.verdict}
        for name, effect in (("ablated", one.ablated), ("amplified", one.amplified))
    }  # fmt: skip


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
