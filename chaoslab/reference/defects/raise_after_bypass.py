# /// defect
# number = 3
# name = "raise-after-bypass"
# title = "After the bypass an unconditional raise follows"
# mechanism = """\
#   The branch of the bypass records and logs it but does not return: the lines below record \
#   the failure and raise."""
# symptom = """\
#   The log says that the bypass acts, but start-up stops in the same phase with exit status \
#   3."""
# source = "the incident's papers, defect 3"
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
# data = { log_line = "EMERGENCY BYPASS: phase database" }
#
# [[primary.cites]]
# code = "app.log_line"
# data = { log_line = "start-up failed in phase database: postgres unreachable" }
# ///
"""Reports the bypass, and raises the failure nevertheless."""

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
    """Record the bypass if it is allowed; then, in each case, record the failure and raise
    StartupFailed.
    """
    record = backend.record
    if phase.bypassable == error.dependency and bypass_allowed(backend):
        record.bypass(phase.name, error.dependency)
        report_bypass(backend, phase, error)
    record.fail(phase.name, str(error), error.dependency)
    raise startup_failed(backend, phase.name) from error


if __name__ == "__main__":
    sys.exit(main(sequence=functools.partial(start_up, on_unavailable=on_unavailable)))
