"""`workbench intervene`: what a change of the agent, or of what it sees, does to its decisions and behaviour."""

import sys
from typing import TYPE_CHECKING, Any

from workbench.cli.analysis_options import InterveneOptions
from workbench.cli.intervene_checks import check, named_edit
from workbench.cli.intervene_words import (
    behaviour_facts,
    describe_behaviour,
    describe_effect,
    describe_search,
    describe_state,
    describe_sweep,
    effect_facts,
    search_facts,
    state_facts,
)
from workbench.cli.planned_changes import planned_changes, steering_vector
from workbench.cli.progress import TerminalProgress
from workbench.cli.steps import chosen_rows, import_modules, named_row
from workbench.cli.table import to_json
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.analyses.intervention import BehaviourEffect, Change, PatchSearch, StateEffect
    from workbench.policies.types import Policy
    from workbench.recording import Recording


def run(options: InterveneOptions) -> None:
    """Change what is asked for, and print what that does.

    Raises:
        WorkbenchError: What `decision_effect`, `behaviour_effect`, `search_patches` and `state_effect` raise.
    """
    # What is wrong with the command itself is said before anything is loaded.
    check(options)
    import_modules(options.imports)
    from workbench.recording import open_recording

    recording = open_recording(options.recording)
    rows = chosen_rows(recording, options.episode, options.step, options.sample, options.seed)
    policy = recording.policy(trust_pickle=options.trust_pickle)
    if options.edit or options.field is not None:
        _check_editable(recording)
    facts: dict[str, Any] = {"recording": options.recording}
    if options.search_from is not None:
        found = _search(options, recording, policy, rows)
        text, facts = describe_search(found), facts | search_facts(found)
    elif options.edit:
        edited = _edit(options, recording, policy, rows)
        text, facts["state"] = describe_state(edited), state_facts(edited)
    elif len(options.scale) > 1:
        text, facts["sweep"] = _sweep(options, recording, policy, rows)
    else:
        text = _change(options, recording, policy, rows, facts)
    sys.stdout.write(f"{to_json(facts) if options.json else text}\n")


def _check_editable(recording: "Recording") -> None:
    from workbench.analyses.intervention.state_edits import NotEditableError, find_editor

    try:
        find_editor(recording.make_environment())
    except NotEditableError:
        name = (recording.attributes.get("environment") or {}).get("id")
        raise WorkbenchError(
            f"The environment {name} cannot be edited, which --edit and --field need (docs/interventions.md says what "
            f"it must have); --set and --cover change what the agent is shown instead."
        ) from None


def _change(
    options: InterveneOptions, recording: "Recording", policy: "Policy", rows: Any, facts: dict[str, Any]
) -> str:
    """Hold changes on; gives the text, and adds to the facts."""
    from workbench.analyses.intervention import decision_effect

    changes = planned_changes(options, recording, policy)
    effect = decision_effect(
        recording,
        policy,
        rows,
        changes,
        target=_target(options, recording, policy, rows),
        controls=options.controls,
        seed=options.seed,
    )
    blocks = [describe_effect(effect)]
    facts |= {"decisions": effect_facts(effect), "behaviour": None}
    if options.rollouts is not None:
        behaviour = _behaviour(options, recording, policy, changes)
        blocks.append(describe_behaviour(behaviour))
        facts["behaviour"] = behaviour_facts(behaviour)
    if options.field is not None:
        facts["field"] = _field(options, recording, policy, int(rows[0]), changes)
    return "\n\n".join(blocks)


def _sweep(
    options: InterveneOptions, recording: "Recording", policy: "Policy", rows: Any
) -> tuple[str, list[dict[str, Any]]]:
    from workbench.analyses.intervention import sweep_scales

    vector, words = steering_vector(options, recording, policy)
    assert options.layer is not None, "checked with the vector"
    effects = sweep_scales(
        recording,
        policy,
        rows,
        options.layer,
        vector,
        options.scale,
        target=_target(options, recording, policy, rows),
        controls=options.controls,
        seed=options.seed,
    )
    facts = [{"scale": scale, **effect_facts(one)} for scale, one in zip(options.scale, effects, strict=True)]
    return f"steered by {words}\n{describe_sweep(effects, options.scale)}", facts


def _edit(options: InterveneOptions, recording: "Recording", policy: "Policy", rows: Any) -> "StateEffect":
    from workbench.analyses.intervention import state_effect

    edits = [named_edit(text) for text in options.edit]
    return state_effect(recording, policy, int(rows[0]), edits, controls=options.controls, seed=options.seed)


def _field(
    options: InterveneOptions, recording: "Recording", policy: "Policy", row: int, changes: "list[Change]"
) -> dict[str, Any]:
    """Draw the policy on every square, before and after."""
    from workbench.analyses.intervention import ChangedPolicy, policy_field
    from workbench.analyses.intervention.state_edits import replay_exactly
    from workbench.exports.output import writing
    from workbench.figures.policy_field import fields_figure

    assert options.field is not None
    environment = replay_exactly(recording, row).environment
    fields = [policy_field(acting, environment) for acting in (policy, ChangedPolicy(policy, changes))]
    with writing(options.field, overwrite=options.overwrite) as partial:
        fields_figure(*fields, titles=("as it is", "changed")).savefig(partial, dpi=110)
    sys.stderr.write(f"{options.field}\n")
    before, after = fields
    return {
        "squares": before.squares.tolist(),
        "arrows": before.arrows.tolist(),
        "arrows_after": after.arrows.tolist(),
        "probabilities": before.probabilities.tolist(),
        "probabilities_after": after.probabilities.tolist(),
    }


def _target(options: InterveneOptions, recording: "Recording", policy: "Policy", rows: Any) -> Any:
    if options.target is None:
        if options.steer_toward is None:
            return None
        from workbench.analyses.intervention import target_toward

        return target_toward(recording, policy, options.steer_toward)
    from workbench.analyses.saliency import prepare

    return prepare(recording, rows[:1], policy=policy, target=options.target, background_steps=1).question.target


def _behaviour(
    options: InterveneOptions, recording: "Recording", policy: "Policy", changes: "list[Change]"
) -> "BehaviourEffect":
    from workbench.analyses.intervention import behaviour_effect

    assert options.rollouts is not None
    progress = TerminalProgress("acting", "episodes")
    try:
        return behaviour_effect(
            policy,
            changes,
            recording.make_environment,
            episodes=options.rollouts,
            seed=options.seed,
            visits=options.visits,
            progress=progress,
        )
    finally:
        progress.close()


def _search(options: InterveneOptions, recording: "Recording", policy: "Policy", rows: Any) -> "PatchSearch":
    from workbench.analyses.intervention import search_patches

    assert options.search_from is not None
    progress = TerminalProgress("patching", "layers")
    try:
        return search_patches(
            recording,
            policy,
            named_row(recording, options.search_from, "--search-from"),
            int(rows[0]),
            layers=None if options.layer is None else [options.layer],
            target=_target(options, recording, policy, rows),
            progress=progress,
        )
    finally:
        progress.close()
