"""`python -m benchmarks [--only NAME …] [--quick]`: measure, write `results.json`, make the README's table of it."""

import argparse
import os
import signal
import sys
import time
from pathlib import Path


def main() -> int:
    """Measure what was asked for, one group after the other, and keep each group's rows as soon as they are there."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", nargs="*", default=[], metavar="NAME", help="a figure, or the area it is in: recording"
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it works; nothing is written")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder of results.json and README.md")
    options = parser.parse_args()

    # Before numpy and torch are loaded: one thread, so that a ratio compares work and not spare cores.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"
    from benchmarks.groups import GROUPS, select
    from benchmarks.report import write_report
    from benchmarks.results import machine_facts, merge

    # Ended from outside, it still removes its folders.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    groups = select(options.only)
    if not groups:
        figures = ", ".join(figure.name for group in GROUPS for figure in group.figures)
        parser.error(f"no figure is named {' or '.join(options.only)}; there are: {figures}")
    load = os.getloadavg()[0]
    if load > 0.5 and not options.quick:
        sys.stderr.write(f"The machine is busy (load {load:.1f}): figures will be worse than they are.\n")
    for group in groups:
        started = time.perf_counter()
        sys.stderr.write(f"{group.name} …\n")
        rows = group.measure(quick=options.quick)
        for row in rows:
            sys.stderr.write(f"  {row.line()}\n")
        sys.stderr.write(f"  ({time.perf_counter() - started:.0f} s)\n")
        if not options.quick:
            merge(options.out / "results.json", rows, machine_facts())
            write_report(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
