"""A process that has imported everything and has no second thread: its forks begin to record within milliseconds."""

import json
import os
import signal
import sys
import threading


def serve() -> None:
    """Read orders from standard input, one line of JSON each, and answer each with one."""
    import torch

    torch.set_num_threads(1)
    from tests.faults import jobs

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            answer = {"status": os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1])}
        else:
            assert threading.active_count() == 1, "a fork takes no thread along, and would miss what it holds"
            process = os.fork()
            if not process:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
                for stream in (1, 2):
                    os.dup2(log, stream)
                status = 3
                try:
                    status = jobs.run(order)
                finally:
                    os._exit(status)
            answer = {"process": process}
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
