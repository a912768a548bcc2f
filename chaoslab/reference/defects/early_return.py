# /// defect
# number = 1
# name = "early-return"
# title = "The bypass leaves the sequence before the later phases"
# mechanism = """\
#   When the bypass acts, the sequence returns: the phases after it never run, and start-up is \
#   never recorded as complete."""
# symptom = "The port answers 503 starting forever, and every request is refused."
# source = "the incident's papers, defect 1"
# scenarios = [
#   "vpc_outage::severed_before_start[dropped]",
#   "vpc_outage::severed_before_start[refused]",
#   "vpc_outage::severed_before_start[silent]",
# ]
# also = ["degrades", "recovers"]
# [primary]
# verdict = "starts"
# cites = [
#   { code = "start.answering" },
#   { code = "start.phases_done", data = { phases = ["init", "dependencies", "database"] } },
#   { code = "app.log_line", data = { log_line = "EMERGENCY BYPASS: phase database" } },
# ]
# ///
"""Ends the start-up sequence in the phase that the bypass lets pass: later phases do not run."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.dependency import DependencyUnavailable, reason
from chaoslab.reference.backend.sequence import Phase, bypass_or_fail, startup_failed


async def start_up(backend: Backend, phases: Sequence[Phase]) -> None:
    """Run the phases in order, but return after the first one that is bypassed."""
    record = backend.record
    for phase in phases:
        record.begin(phase.name)
        try:
            await phase.run(backend)
        except DependencyUnavailable as error:
            bypass_or_fail(backend, phase, error)
            return
        except Exception as error:
            record.fail(phase.name, reason(error))
            raise startup_failed(backend, phase.name) from error
        record.end(phase.name)
    record.finish()


if __name__ == "__main__":
    sys.exit(main(sequence=start_up))
