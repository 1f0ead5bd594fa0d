"""Features in words and in JSON, as `workbench features` prints them."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.cli.analysis_options import FeaturesOptions
from workbench.cli.table import format_table
from workbench.printable import printable

if TYPE_CHECKING:
    from workbench.analyses.probing.scores import Interval
    from workbench.analyses.representation.feature_activity import FeatureReport
    from workbench.analyses.representation.feature_concepts import FeatureConcept
    from workbench.analyses.representation.feature_effects import FeatureEffect
    from workbench.analyses.representation.substitution import Substitution


def interval_words(one: "Interval") -> str:
    """`0.91 [0.87, 0.94]`, or the value alone where there is no interval."""
    return str(one) if one.low == one.low else f"{one.value:.2f} [no interval]".replace("-", "−")


def describe(
    report: "FeatureReport",
    concepts: "tuple[FeatureConcept | None, ...]",
    effects: "tuple[FeatureEffect | None, ...]",
    substitution: "Substitution | None",
) -> str:
    """What is printed for people."""
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


def facts_of(
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
