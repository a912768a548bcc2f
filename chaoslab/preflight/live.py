"""Each declared path walked from here: name, connect, first answer, log-in, a query."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from chaoslab.model.topology import Topology
from chaoslab.preflight.check import declared_deployment
from chaoslab.preflight.dial import Resolver, addresses, dialled
from chaoslab.preflight.document import read_document
from chaoslab.preflight.finding import without_secrets
from chaoslab.preflight.outcome import Walk
from chaoslab.preflight.target import Values, targets
from chaoslab.services import kind_of
from chaoslab.services.path import Ended, NoTarget, Outcome, Target, Trip

WITHIN_S = 5.0


async def walk_paths(
    topology: Topology,
    *,
    file: Path | None = None,
    env_file: Path | None = None,
    environment: Mapping[str, str],
    within_s: float = WITHIN_S,
    resolver: Resolver = addresses,
) -> tuple[Walk, ...]:
    """Try every link of the topology, all at once; each step takes `within_s` seconds at most.

    A link that cannot be tried has a walk too, which says why. Raises SpecError for files that
    cannot be used.
    """
    declared = declared_deployment(topology, file)
    document = read_document(Path(declared.file), declared.root)
    values = Values(document, declared, env_file, environment)
    found = [
        each
        for link in topology.links
        for each in targets(
            link.name, kind_of(topology.services[link.service].kind), declared, values
        )
    ]
    return tuple(await asyncio.gather(*(_walk(each, within_s, resolver) for each in found)))


async def _walk(target: Target | NoTarget, within_s: float, resolver: Resolver) -> Walk:
    if isinstance(target, NoTarget):
        return Walk(
            link=target.link,
            address="",
            source=target.source,
            outcome="no address" if target.declared else "undeclared",
            step="address",
            took_s={},
            words=target.why,
        )
    trip = Trip(within_s)
    outcome: Outcome = "answered"
    try:
        words = await _walked(trip, target, resolver)
    except Ended as end:
        outcome, words = end.outcome, end.words
    shown = f"[{target.host}]" if ":" in target.host else target.host
    return Walk(
        link=target.link,
        address=f"{shown}:{target.port}",
        source=target.source,
        outcome=outcome,
        step=trip.at,
        took_s=trip.took_s,
        words=_said(words, target),
    )


async def _walked(trip: Trip, target: Target, resolver: Resolver) -> str:
    """Every step to the end; returns a note. Raises Ended."""
    async with trip.step("name"):
        found = await resolver(target.host, target.port)
    # A time-out of the connect is an answer of its own: the kernel is asked how it stands.
    async with trip.step("connect", bounded=False):
        sock, address, note = await dialled(found, trip.within_s)
    try:
        dialogue = kind_of(target.kind).dialogue
        assert dialogue is not None, "a kind without a dialogue has no Target"
        await dialogue.walk(trip, target, sock, address)
    finally:
        sock.close()
    return note


def _said(words: str, target: Target) -> str:
    """The other side's words without any secret, should they quote one."""
    for secret in (target.password, target.params.get("password", "")):
        if len(secret) > 3:
            words = words.replace(secret, "…")
    return without_secrets(words)[:300]
