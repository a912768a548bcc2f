# /// defect
# number = 3
# name = "raise-after-bypass"
# title = "The bypass falls through to an unconditional raise"
# mechanism = """\
#   The branch of the bypass books and logs it, but does not end there: the lines below book the \
#   failure and raise."""
# symptom = """\
#   The log says that the bypass acts; start-up stops in the same phase with exit status 3."""
# source = "the incident's papers, defect 3"
# scenarios = [
#   "vpc_outage::severed_before_start[dropped]",
#   "vpc_outage::severed_before_start[silent]",
# ]
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
# data = { log_line = "EMERGENCY BYPASS: phase database" }
#
# [[primary.cites]]
# code = "app.log_line"
# data = { log_line = "start-up failed in phase database: postgres unreachable" }
# ///
"""The bypass is announced, and the failure is raised all the same."""

from __future__ import annotations

import functools
import sys

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.dependency import DependencyUnavailable
from chaoslab.reference.backend.sequence import (
    Phase,
    bypass_allowed,
    start_up,
    startup_failed,
    tell_bypass,
)


def missing(backend: Backend, phase: Phase, error: DependencyUnavailable) -> None:
    """Book the bypass where it is allowed; the failure is for everybody else."""
    record = backend.record
    if phase.bypassable == error.dependency and bypass_allowed(backend):
        record.bypass(phase.name, error.dependency)
        tell_bypass(backend, phase, error)
    record.fail(phase.name, str(error), error.dependency)
    raise startup_failed(backend, phase.name) from error


if __name__ == "__main__":
    sys.exit(main(sequence=functools.partial(start_up, missing=missing)))
