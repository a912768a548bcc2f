"""Changes a verdict if the app connected past a link's proxy: no fault can affect such a
connection. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from chaoslab.history.events import LabUp, PathBypassed
from chaoslab.history.journal import History
from chaoslab.model.expectation import Expected
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Topology
from chaoslab.model.verdict import Outcome, Verdict
from chaoslab.reason import Code, Reason

SHOWN = 3  # connections listed for each link; the others are counted
UNTOUCHED = Code(
    "path.fault_cannot_act",
    "no fault can affect such a connection (without it the verdict would be PASS)",
    "The verdict is UNKNOWN because the app connected past the proxy that the lab controls.",
)
NOT_OBSERVED = Code(
    "path.not_observed",
    "traffic past the proxy is not observed on this runtime",
    "On that runtime the lab cannot observe connections that do not pass the proxy of a link.",
)
MORE = Code(
    "path.more_bypassed",
    "past the proxy of {link}: {count} more",
    "The number of further connections that went to the link's server without passing the link's "
    "proxy.",
)


def _bypassed(data: Mapping[str, Any]) -> str:
    who = f"process {data['pid']} '{data['process']}'" if data["pid"] else "an unknown process"
    who += "" if data["of_app"] else " (not known to be of the app)"
    found = " and ".join(data["seen_in"])
    return (
        f"past the proxy of {data['link']}: {who} was connected from port {data['local_port']} "
        f"to {data['remote']} at {data['at_s']:.3f} s (observed among {found})"
    )


BYPASSED = Code(
    "path.bypassed",
    _bypassed,
    "A connection that went to the link's server without passing the link's proxy.",
    data=("link", "pid", "process", "of_app", "local_port", "remote", "at_s", "seen_in"),
)
MEANS = {"app sockets": "its own sockets", "server connections": "the server's connections"}


def weighed_by_path(
    verdict: Verdict, e: Expected, topology: Topology, plan: Plan, history: History
) -> Verdict:
    """The verdict, with reasons for the connections of its app past the proxy of a link: three for
    each link, and the number of the others.

    A PASS becomes UNKNOWN if the link is one that the verdict depends on: the app's links that are
    affected by the faults that the verdict rests on, or by all faults of the plan if it rests on
    none. A FAIL stays FAIL. If the lab cannot observe such connections, a reason says so.
    """
    links, boot = _links(e, topology, plan), e.of_boot
    seen = [
        each
        for each in history.of(PathBypassed)
        if each.app == e.app and (boot == 0 or each.boot in (0, boot))
    ]
    lines = tuple(_lines(seen))
    if any(each.link in links for each in seen) and verdict.outcome is Outcome.PASS:
        because = (*lines, UNTOUCHED(), *verdict.because)
        return replace(verdict, outcome=Outcome.UNKNOWN, because=because)
    if not lines and links and _not_observed(history):
        lines = (NOT_OBSERVED(),)
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


def _lines(seen: list[PathBypassed]) -> Iterator[Reason]:
    connections: dict[tuple[str, int, int], list[PathBypassed]] = {}
    for each in seen:
        connections.setdefault((each.link, each.pid, each.local_port), []).append(each)
    for link in sorted({each.link for each in seen}):
        mine = [found for (on, _, _), found in connections.items() if on == link]
        for found in mine[:SHOWN]:
            yield _line(found)
        if (more := len(mine) - SHOWN) > 0:
            yield MORE(link=link, count=more)


def _line(found: list[PathBypassed]) -> Reason:
    first = found[0]
    return BYPASSED(
        link=first.link,
        pid=first.pid or None,
        process=first.process,
        of_app=first.boot != 0,
        local_port=first.local_port,
        remote=first.remote,
        at_s=first.at_s,
        seen_in=tuple(dict.fromkeys(MEANS[each.seen] for each in found)),
    )


def _not_observed(history: History) -> bool:
    up = history.first(LabUp)
    return up is not None and up.past_proxy == "not observed"
