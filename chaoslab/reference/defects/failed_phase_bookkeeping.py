# /// defect
# number = 2
# name = "failed-phase-bookkeeping"
# title = "The bypass runs after the phase was recorded as failed"
# mechanism = """\
#   A phase without its dependency is recorded as failed before the bypass is checked. Start- \
#   up is complete only if every phase has completed."""
# symptom = "All phases run, then start-up ends with missing phases and exit status 3."
# source = "the incident's papers, defect 2"
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
# data = { log_line = "start-up is not complete: database, cache did not complete" }
# ///
"""Records a phase as failed before the bypass lets it pass, and leaves it so."""

from __future__ import annotations

import functools
import sys

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.dependency import DependencyUnavailable
from chaoslab.reference.backend.sequence import (
    Phase,
    bypass_allowed,
    report_bypass,
    start_up,
    startup_failed,
)


def on_unavailable(backend: Backend, phase: Phase, error: DependencyUnavailable) -> None:
    """Record the phase as failed, then check whether the bypass is allowed.

    Raises StartupFailed if the bypass is not allowed.
    """
    record = backend.record
    record.fail(phase.name, str(error), error.dependency)
    if phase.bypassable != error.dependency or not bypass_allowed(backend):
        raise startup_failed(backend, phase.name) from error
    record.bypassed.add(error.dependency)
    report_bypass(backend, phase, error)


if __name__ == "__main__":
    sys.exit(main(sequence=functools.partial(start_up, on_unavailable=on_unavailable)))
