"""Which labellers there are, and which of them know an environment."""

import fnmatch
import threading

from workbench.errors import WorkbenchError
from workbench.recording.environment_wrappers import Environment
from workbench.recording.labellers.atari import ATARI
from workbench.recording.labellers.box2d import BOX2D
from workbench.recording.labellers.classic_control import CLASSIC_CONTROL
from workbench.recording.labellers.minigrid import MINIGRID
from workbench.recording.labellers.types import Labeller

LABELLERS: tuple[Labeller, ...] = (*CLASSIC_CONTROL, *BOX2D, *MINIGRID, *ATARI)
"""What comes with the workbench; of several that match a name, the first is taken."""

_registered: dict[str, Labeller] = {}
_lock = threading.Lock()


def register_labeller(labeller: Labeller) -> None:
    """Add a labeller of one's own, for this process: it labels beside what comes with the workbench, and goes first.

    Args:
        labeller: Its name is one that no other has.

    Raises:
        WorkbenchError: There is one of this name, or it has no pattern, no labels, or two of one name.
    """
    names = [label.name for label in labeller.labels]
    if not labeller.patterns or not names or len(set(names)) < len(names):
        raise WorkbenchError(
            f"The labeller {labeller.name!r} needs at least one pattern and at least one label, each label once; it "
            f"has the patterns {list(labeller.patterns)} and the labels {names}."
        )
    with _lock:
        if labeller.name in _registered or any(row.name == labeller.name for row in LABELLERS):
            raise WorkbenchError(f"There is a labeller {labeller.name!r} already; give yours another name.")
        _registered[labeller.name] = labeller


def unregister_labeller(name: str) -> None:
    """Take a labeller that was registered out again; one that is not there is no error."""
    with _lock:
        _registered.pop(name, None)


def find_labellers(environment: Environment) -> tuple[Labeller, ...]:
    """The labellers that know an environment by its name: those registered, then the first of the table.

    Args:
        environment: With whatever is around it; one that gymnasium did not make has no name, and none.
    """
    spec = environment.unwrapped.spec
    if spec is None:
        return ()
    name = spec.id.rpartition(":")[2]
    with _lock:
        own = [row for row in _registered.values() if _knows(row, name)]
    return (*own, *[row for row in LABELLERS if _knows(row, name)][:1])


def _knows(labeller: Labeller, name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in labeller.patterns)
