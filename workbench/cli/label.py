"""`workbench label`: what was true at each step, for a recording that was made without labels."""

import sys

from workbench.cli.options import LabelOptions
from workbench.cli.progress import TerminalProgress
from workbench.cli.steps import import_modules
from workbench.cli.table import format_table, to_json
from workbench.printable import printable


def run(options: LabelOptions) -> None:
    """Label a recording, and list what was added.

    Raises:
        WorkbenchError: What `label_recording` raises.
        KeyboardInterrupt: Ctrl-C; the recording is as it was.
    """
    import_modules(options.imports)
    from workbench.recording import label_recording, open_recording

    before = set(open_recording(options.recording).steps)
    try:
        labelled = label_recording(options.recording, progress=TerminalProgress("labelling", "steps"))
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(f"Interrupted. {options.recording} is as it was.") from error
    words = {
        f"truth/{name}": text
        for labels in (labelled.attributes.get("labellers") or {}).values()
        for name, text in labels.items()
    }
    added = [name for name in labelled.steps if name not in before]
    if options.json:
        facts = {"recording": options.recording, "steps": len(labelled), "episodes": labelled.number_of_episodes}
        sys.stdout.write(f"{to_json({**facts, 'added': {name: words.get(name) for name in added}})}\n")
        return
    rows = [(printable(name), printable(words.get(name, "as the environment says itself"))) for name in added]
    sys.stdout.write(
        f"{options.recording}: {len(labelled):,} steps of {labelled.number_of_episodes:,} episodes done again, all as "
        f"recorded\n\n{format_table(('label', 'what it is'), rows)}\n"
    )
