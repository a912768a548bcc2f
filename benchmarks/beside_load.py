"""Run a command beside processes that keep cores busy, and end them with it.

    python benchmarks/beside_load.py --cores 1 -- chaoslab corpus run good --repeat 5

A gate that raises false alarms on a shared machine is switched off by its users. Exits as the
command did; the load ends by itself after `--limit-s` whatever happens.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

BURN = """
import sys, time
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    sum(range(10_000))
"""


def main() -> int:
    """Start the load, run the command, end the load."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=1, help="busy processes (1)")
    parser.add_argument("--limit-s", type=float, default=3600.0, help="the load's own end (3600)")
    parser.add_argument("command", nargs="+", help="what runs beside them, after --")
    options = parser.parse_args()
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
