"""Runs the checks with foreign software, all or by name."""

import argparse
import importlib
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from pathlib import Path

import harness

# Each check: its module, and whether it is a part of the quick run.
CHECKS = {
    "clients": ("deliveries", True),
    "next-request": ("deliveries", True),
    "interleaved": ("deliveries", True),
    "slow-bodies": ("attacks", False),
    "large-bodies": ("attacks", False),
    "stalled-output": ("attacks", False),
    "stalled-output-shutdown": ("attacks", False),
    "unread-responses": ("attacks", False),
    "shutdown": ("attacks", False),
}


class Tally:
    """What passed and what failed."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.faults = defaultdict(Counter)

    def fail(self, message, count=1, who=""):
        """Some faults of one kind, of a client if that is given."""
        self.failed += count
        self.faults[message][who] += count

    def check(self, name, holds, detail="", quiet=False):
        """One claim, with a line of its own; if quiet, only if it is false."""
        detail = f": {detail}" if detail else ""
        if not (holds and quiet):
            print(f"{'PASS' if holds else 'FAIL'} {name}{detail}", flush=True)
        if holds:
            self.passed += 1
        else:
            self.fail(f"{name}{detail}")


def run(name, options, tally):
    check = getattr(importlib.import_module(CHECKS[name][0]), name.replace("-", "_"))
    for receiver in options.receiver:
        print(f"\n== {name}, {receiver}: {check.__doc__.splitlines()[0]}", flush=True)
        begin, before = time.monotonic(), tally.failed
        with tempfile.TemporaryDirectory(prefix="foreign-") as directory:
            directory = Path(directory)
            directory.chmod(0o755)
            try:
                check(tally, options, receiver, directory)
            except Exception as error:
                traceback.print_exc()
                tally.fail(f"{name}, {receiver}: {error!r}")
        result = "PASS" if tally.failed == before else "FAIL"
        print(f"{result} {name}, {receiver} ({time.monotonic() - begin:.0f} s)", flush=True)


def end(*_):
    """Leaves no process behind. Threads that wait for one go on then."""
    for process in list(harness.Process.running):
        process.process.terminate()
    sys.exit(143)


def main():
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__)
    parser.add_argument("check", nargs="*", help=f"of {', '.join(CHECKS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="three languages, nginx, and no slow checks")
    parser.add_argument("--receiver", action="append", choices=list(harness.BODY_LIMITS))
    parser.add_argument("--proxy", action="append", dest="proxies", choices=[*harness.COMMANDS, "none"])
    parser.add_argument("--client", action="append", help="such as php/curl")
    parser.add_argument("--parallel", type=int, default=8, help="how many clients run at the same time")
    options = parser.parse_args()
    options.receiver = options.receiver or list(harness.BODY_LIMITS)
    options.proxies = options.proxies or (["nginx"] if options.quick else list(harness.COMMANDS))
    options.proxies = [name for name in options.proxies if name != "none"]
    for name in options.check:
        if name not in CHECKS:
            parser.error(f"there is no check {name}")

    signal.signal(signal.SIGTERM, end)
    tally = Tally()
    for name, (_, quick) in CHECKS.items():
        if name in options.check or not options.check and (quick or not options.quick):
            run(name, options, tally)
    if tally.faults:
        print("\nFailures:")
        for fault, counts in list(tally.faults.items())[:200]:
            who = ", ".join(filter(None, counts))
            print(f"  {sum(counts.values()):4} x {fault}" + (f" ({who})" if who else ""))
        if len(tally.faults) > 200:
            print(f"  and {len(tally.faults) - 200} other kinds")
    print(f"\n{tally.passed} passed, {tally.failed} failed")
    sys.exit(tally.failed > 0)


main()
