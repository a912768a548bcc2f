"""Traffic past the proxy: a fault of a link cannot act on it, so no PASS can rest on that. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from chaoslab.history.events import LabUp, PathBypassed
from chaoslab.history.journal import History
from chaoslab.model.expectation import Expected
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Topology
from chaoslab.model.verdict import Outcome, Verdict

SHOWN = 3  # connections named on each link; of the others the count
MEANS = {"app sockets": "its own sockets", "server connections": "the server's connections"}


def weighed_by_path(
    verdict: Verdict, e: Expected, topology: Topology, plan: Plan, history: History
) -> Verdict:
    """The verdict with every connection past the proxy of a link that it is about.

    A verdict is about the links of its app that its faults cover: those that it rests on, the one
    that it names included, or all of the plan where it rests on none. With such a connection a PASS
    is UNKNOWN; a failure stays one. Where nobody could see such a
    connection, a line says so.
    """
    links, boot = _links(e, topology, plan), e.of_boot
    seen = [
        each
        for each in history.of(PathBypassed)
        if each.app == e.app and (boot == 0 or each.boot in (0, boot))
    ]
    lines = tuple(_lines(seen))
    if any(each.link in links for each in seen) and verdict.outcome is Outcome.PASS:
        alone = "no fault can act on such a connection (all else would be judged PASS)"
        because = (*lines, alone, *verdict.because)
        return replace(verdict, outcome=Outcome.UNKNOWN, because=because)
    if not lines and links and _not_observed(history):
        lines = ("traffic past the proxy is not observed on this runtime",)
    return replace(verdict, because=(*verdict.because, *lines))


def _links(e: Expected, topology: Topology, plan: Plan) -> set[str]:
    faults = [
        fault for fault in plan.faults if not e.rests_on or fault.label in e.faults_rested_on()
    ]
    return {
        link.name
        for fault in faults
        for link in topology.links_of(fault.target)
        if link.app == e.app
    }


def _lines(seen: list[PathBypassed]) -> Iterator[str]:
    connections: dict[tuple[str, int, int], list[PathBypassed]] = {}
    for each in seen:
        connections.setdefault((each.link, each.pid, each.local_port), []).append(each)
    for link in sorted({each.link for each in seen}):
        mine = [found for (on, _, _), found in connections.items() if on == link]
        for found in mine[:SHOWN]:
            yield _line(found)
        if (more := len(mine) - SHOWN) > 0:
            yield f"past the proxy of {link}: {more} more connection{'s' * (more > 1)}"


def _line(found: list[PathBypassed]) -> str:
    first = found[0]
    means = " and ".join(dict.fromkeys(MEANS[each.seen] for each in found))
    who = f"process {first.pid} '{first.process}'" if first.pid else "a process that is not shown"
    if first.boot == 0:
        who += ", which is not known to be of the app,"
    return (
        f"past the proxy of {first.link}: {who} was connected from port {first.local_port} to "
        f"{first.remote} at {first.at_s:.3f} s (seen among {means})"
    )


def _not_observed(history: History) -> bool:
    up = history.first(LabUp)
    return up is not None and up.past_proxy == "not observed"
