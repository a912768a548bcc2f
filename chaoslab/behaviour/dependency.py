"""What an app needs each service for, by how the service is missing: read from its cells. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from chaoslab.behaviour.described import Behaviour
from chaoslab.behaviour.facts import Facts
from chaoslab.model.cell import IN_WORDS, ON_LINKS, CellFault
from chaoslab.model.policy import CutMode, Need
from chaoslab.model.topology import Topology
from chaoslab.reason import Code, Reason

Observed = Need | Literal["not known"]
MEANS: Mapping[Observed, str] = {
    "hard": "the app does not start without it",
    "starts and exits": "the app starts without it, and then its process ends",
    "hard only at boot": "the app does not start without it; while it runs, it serves without it",
    "lazy": "the app starts and reports healthy without it; requests need it",
    "soft": "the app starts without it",
    "not known": "not observed: the fault did not reach the app, or the cells were not run",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """What `app` needs `service` for, for each mode in which the path to it fails. `lost` are
    the modes in which the fault was also observed to affect the app while it ran, and the app was
    not observed to serve then.
    """

    app: str
    service: str
    needs: Mapping[CellFault, Observed]
    lost: frozenset[CellFault] = frozenset()


STRONGER = Code(
    "dependency.stronger",
    "{app} needs {service} for more than was accepted, {mode}: {need}, accepted as {accepted}; "
    "{means}",
    "An app that was accepted to start, or to serve, without a service does so no more.",
    data=("app", "service", "mode", "need", "accepted"),
)
# What an app does without the service, from most to least. `lazy` and `soft` differ in what health
# reports, which has claims of its own.
_STRENGTH: Mapping[Need, int] = {
    "soft": 0,
    "lazy": 0,
    "hard only at boot": 1,
    "starts and exits": 2,
    "hard": 2,
}


def stronger(found: Iterable[Dependency], topology: Topology) -> Iterator[Reason]:
    """Yields a reason for each need that is stronger than the one that the topology has for it.

    An app that does not start without a service, or not for long, may still serve without it while
    it runs: unless it was observed that it does not, only the start is compared.
    """
    for each in found:
        accepted = topology.apps[each.app].needs.get(each.service, {})
        for fault, need in each.needs.items():
            before = accepted.get(cast("CutMode", fault))
            if before is None or need == "not known":
                continue
            strength = _STRENGTH[need]
            if fault not in each.lost:
                strength = min(strength, _STRENGTH["hard only at boot"])
            if strength > _STRENGTH[before]:
                yield STRONGER(
                    app=each.app,
                    service=each.service,
                    mode=IN_WORDS[fault],
                    need=need,
                    accepted=before,
                    means=MEANS[need],
                )


def dependencies(behaviours: Iterable[Behaviour]) -> tuple[Dependency, ...]:
    """One Dependency for each link that has cells, in the order of the cells."""
    known = {
        (b.cell.app, b.cell.target, b.cell.fault, b.cell.moment): b
        for b in behaviours
        if not b.cell.steady
    }
    links = dict.fromkeys((app, target) for app, target, _, _ in known)
    return tuple(
        Dependency(
            app=app,
            service=service,
            needs={
                fault: _need(
                    known.get((app, service, fault, "boot")),
                    known.get((app, service, fault, "running")),
                )
                for fault in ON_LINKS
                if any((app, service, fault, at) in known for at in ("boot", "running"))
            },
            lost=frozenset(
                fault
                for fault in ON_LINKS
                if (b := known.get((app, service, fault, "running"))) is not None
                and b.known
                and b.facts.affected
                and not _served(b)
            ),
        )
        for app, service in links
    )


def known_dependencies(behaviours: Iterable[Behaviour]) -> tuple[Dependency, ...]:
    """Those of which something is known: without cells at boot nothing is."""
    return tuple(
        each for each in dependencies(behaviours) if set(each.needs.values()) - {"not known"}
    )


def _need(boot: Behaviour | None, running: Behaviour | None) -> Observed:
    """What the app needs a service for in one mode, from its cells at boot and while running."""
    if boot is None or not boot.known:
        return "not known"
    if any(each.complete_s is not None for each in boot.facts.exits):
        return "starts and exits" if boot.facts.affected else "not known"
    if not boot.facts.started_under_fault:
        if not boot.facts.affected:  # such an app may only be slow
            return "not known"
        served = running is not None and _served(running)
        return "hard only at boot" if served else "hard"
    fails = _requests_fail(boot.facts) or (running is not None and _requests_fail(running.facts))
    if fails and not _reports(boot.facts):
        return "lazy"
    observed = boot.facts.affected or boot.facts.changed
    return "soft" if observed else "not known"


def _served(running: Behaviour) -> bool:
    """Whether the app was observed to serve every request while the fault affected it. Without a
    declared request that is not known, nor if one was sent only before the fault or after its heal.
    """
    facts = running.facts
    good = {each.name: each.all_good for each in facts.under if each.role == "request"}
    sent = {each.name for each in facts.before if each.role == "request"}
    sent |= {each.name for each in facts.back if each.role == "request"}
    if not running.known or not facts.affected or facts.exits or sent - good.keys():
        return False
    return bool(good) and all(good.values())


def _requests_fail(facts: Facts) -> bool:
    return any(not each.all_good for each in facts.under if each.role == "request")


def _reports(facts: Facts) -> bool:
    """Whether health was other than healthy under the fault."""
    return any(not each.all_good for each in facts.under if each.role == "health")
