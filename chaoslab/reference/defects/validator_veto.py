# /// defect
# number = 4
# name = "validator-veto"
# title = "A later validation still requires the database"
# mechanism = """\
#   The validation in FINALIZE requires a connected database, although the bypass allowed the \
#   DATABASE phase to do without."""
# symptom = """\
#   Start-up goes on without the database up to its last phase, and ends there with exit \
#   status 3."""
# source = "the incident's papers, defect 4"
# scenarios = [
#   "vpc_outage::severed_before_start[dropped]",
#   "vpc_outage::severed_before_start[silent]",
# ]
# counted = ["vpc_outage::severed_before_start[refused]"]
# also = ["degrades", "stays_live", "answers_in_time", "recovers"]
# [primary]
# verdict = "starts"
#
# [[primary.cites]]
# code = "start.exited"
# data = { exit_code = 3 }
#
# [[primary.cites]]
# code = "app.log_line"
# data = { log_line = "failed in phase finalize: comprehensive validation: the database" }
# ///
"""FINALIZE requires a dependency that the bypass has allowed to be missing."""

from __future__ import annotations

import sys

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.phases import finalize, phases_with


async def run(backend: Backend) -> None:
    """The FINALIZE phase: check that everything exists that requests need, then run the usual
    phase.

    Raises RuntimeError if a part is missing or the database is down.
    """
    problems = [
        f"{name} is not usable"
        for name, usable in {
            "the database": backend.database is not None and backend.database.status.up,
            "the thread service": backend.threads is not None,
            "the bridge": backend.bridge is not None,
        }.items()
        if not usable
    ]
    if problems:
        raise RuntimeError(f"comprehensive validation: {', '.join(problems)}")
    await finalize.run(backend)


if __name__ == "__main__":
    sys.exit(main(phases=phases_with("finalize", run)))
