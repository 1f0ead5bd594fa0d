"""A process that has imported everything and has no second thread: its forks begin to record within milliseconds."""

import json
import os
import signal
import sys
import threading
import time

HUNG = 99
"""The status of what had to be killed."""


def wait(process: int, seconds: float) -> int:
    """The exit status of a fork, which is killed when that takes too long."""
    deadline = time.monotonic() + seconds
    while True:
        gone, status = os.waitpid(process, os.WNOHANG)
        if gone:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            return HUNG
        time.sleep(0.002)


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
            answer = {"status": wait(order["wait"], order["seconds"])}
        else:
            assert threading.active_count() == 1, "a fork takes no thread along, and would miss what it holds"
            # A Ctrl-C while modules tidy up after the fork would leave their locks taken: it waits until that is done.
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
            process = os.fork()
            if not process:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
                for stream in (1, 2):
                    os.dup2(log, stream)
                status = 3
                try:
                    status = jobs.run(order)
                except KeyboardInterrupt:
                    # A second Ctrl-C, which came while `run` was making a status of the first.
                    status = jobs.INTERRUPTED
                finally:
                    os._exit(status)
            answer = {"process": process}
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
