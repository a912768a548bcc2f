"""Run a command while other processes keep cores busy.

    python benchmarks/beside_load.py --cores 1 -- chaoslab corpus run good --repeat 5

It tests for false alarms on a machine with other work. The exit status is that of the command. The
load ends with the command, or by itself after `--limit-s`.
"""

from __future__ import annotations

import subprocess
import sys

from _measure import parser

BURN = """
import sys, time
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    sum(range(10_000))
"""


def main() -> int:
    """Start the load, run the command, end the load."""
    line = parser(__doc__)
    line.add_argument("--cores", type=int, default=1, help="number of busy processes (1)")
    line.add_argument("--limit-s", type=float, default=3600.0, help="the load ends then (3600)")
    line.add_argument("command", nargs="+", help="the command, after --")
    options = line.parse_args()
    burning = [sys.executable, "-c", BURN, str(options.limit_s)]
    load = [subprocess.Popen(burning, stdin=subprocess.DEVNULL) for _ in range(options.cores)]
    try:
        return subprocess.run(options.command, check=False).returncode
    finally:
        for process in load:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
