"""What to do after `chaoslab init`, and what it saw that the user must look at first. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from chaoslab.discover.findings import Findings
from chaoslab.discover.proposal import Proposal, Proposed


def no_connection(proposal: Proposal, findings: Findings) -> Iterator[str]:
    """A remark for each service that the app never connected to."""
    for each in proposal.services:
        if each.name in findings.never_connected:
            yield _remark(each)


def _remark(service: Proposed) -> str:
    text = f"no connection to {service.name} was seen in any boot"
    if service.env_file:
        text += f": the app may read {service.env_file} itself and not the environment"
    return text


def next_steps(proposal: Proposal, findings: Findings | None) -> Iterator[str]:
    """What to do next, the most important first. An app without a path that answers 2xx never
    counts as healthy.
    """
    if findings is None:
        yield "chaoslab run"
        return
    for each in proposal.services:
        if each.name in findings.never_connected and each.env_file:
            yield f"{_remark(each)}. Let the environment go before the file"
        elif each.name in findings.never_connected:
            yield f"{_remark(each)}. Name a page that needs it: --request PATH --force"
    if findings.failed_request:
        yield f"the request {findings.failed_request}, without a fault: mend it, or name another"
    if findings.health and findings.health.steady.good:
        yield "chaoslab run"
        return
    yield (
        "name a path that answers with 2xx, as health.path or with --health PATH --force: none of "
        "the usual ones does, and chaoslab run injects no fault before the app is healthy"
    )
