"""What a forked process does: record a case, with or without a trap on its way; its status says how that ended."""

import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from tests.faults.cases import CASES
from tests.faults.ledger import LEFT, Ledger, set_trap
from workbench.errors import WorkbenchError
from workbench.recording import record

DONE, FAILED, DEFECT, INTERRUPTED = 0, 1, 3, 130


def record_case(order: dict[str, Any]) -> None:
    """Record.

    Args:
        order: `case`, `out`, `ledger`; `policy`, `environment` and `arguments`, which differ from the case's; `stage`
            and `number` of the operation on a file before which the process kills itself.
    """
    case = CASES[order["case"]]
    ledger = Ledger(Path(order["ledger"]))
    ledger.watch_for_stalls()
    set_trap(ledger, order["out"], order.get("stage"), order.get("number"))
    options = order.get("environment", {})
    frames = {"render_mode": "rgb_array"} if case.arguments.get("frames") else {}
    record(
        case.make_policy(**order.get("policy", {})),
        lambda: case.environment(**frames, **options),
        **{"out": order["out"], "progress": ledger, **case.arguments, **order.get("arguments", {})},
    )
    ledger.stage = LEFT


def run(order: dict[str, Any]) -> int:
    """Do what was ordered; gives the exit status, and prints a `WorkbenchError`'s message."""
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        record_case(order)
    except WorkbenchError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BaseException:
        traceback.print_exc()
        return DEFECT
    finally:
        sys.stderr.flush()
    return DONE
