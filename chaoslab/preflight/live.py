"""Checks each declared path from this machine: name, connect, first answer, log-in, a query."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from chaoslab.model.topology import Topology
from chaoslab.preflight.check import declared_deployment
from chaoslab.preflight.connect import Resolver, addresses, connect_any
from chaoslab.preflight.document import read_document
from chaoslab.preflight.finding import without_secrets
from chaoslab.preflight.outcome import CheckedPath
from chaoslab.preflight.target import Values, targets
from chaoslab.services import kind_of
from chaoslab.services.path import Ended, NoTarget, Outcome, PathProgress, Target

WITHIN_S = 5.0


async def check_paths(
    topology: Topology,
    *,
    file: Path | None = None,
    env_file: Path | None = None,
    environment: Mapping[str, str],
    within_s: float = WITHIN_S,
    resolver: Resolver = addresses,
) -> tuple[CheckedPath, ...]:
    """Check every link of the topology, all in parallel; each step has `within_s` seconds.

    Returns a result for each address of a link. A link without an address has a result too, which
    says why. Raises SpecError if a file cannot be used.
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
    return tuple(await asyncio.gather(*(_checked(each, within_s, resolver) for each in found)))


async def _checked(target: Target | NoTarget, within_s: float, resolver: Resolver) -> CheckedPath:
    if isinstance(target, NoTarget):
        return CheckedPath(
            link=target.link,
            address="",
            source=target.source,
            outcome="no address" if target.declared else "undeclared",
            step="address",
            took_s={},
            words=target.why,
        )
    progress = PathProgress(within_s)
    outcome: Outcome = "answered"
    try:
        words = await _steps(progress, target, resolver)
    except Ended as end:
        outcome, words = end.outcome, end.words
    shown = f"[{target.host}]" if ":" in target.host else target.host
    return CheckedPath(
        link=target.link,
        address=f"{shown}:{target.port}",
        source=target.source,
        outcome=outcome,
        step=progress.at,
        took_s=progress.took_s,
        words=_without_passwords(words, target),
    )


async def _steps(progress: PathProgress, target: Target, resolver: Resolver) -> str:
    """Take every step of the path to `target` in turn. Returns a note on addresses that failed;
    empty if none did.

    Raises Ended if a step fails.
    """
    async with progress.step("name"):
        found = await resolver(target.host, target.port)
    # `connect_any` has its own time limit, after which it asks the kernel for the state.
    async with progress.step("connect", bounded=False):
        sock, address, note = await connect_any(found, progress.within_s)
    try:
        dialogue = kind_of(target.kind).dialogue
        assert dialogue is not None, "a kind without a dialogue has no Target"
        await dialogue.walk(progress, target, sock, address)
    finally:
        sock.close()
    return note


def _without_passwords(words: str, target: Target) -> str:
    """The text with the passwords of the target and other secrets replaced, cut at 300
    characters.
    """
    for secret in (target.password, target.params.get("password", "")):
        if len(secret) > 3:
            words = words.replace(secret, "…")
    return without_secrets(words)[:300]
