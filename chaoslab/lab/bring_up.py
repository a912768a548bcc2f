"""Brings a topology up: services, proxy server and links at once, each link tried by a canary."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from chaoslab.errors import ChaoslabError, ServiceFailed
from chaoslab.faults.mutation import Mutation
from chaoslab.history.events import LabUp
from chaoslab.history.journal import Journal
from chaoslab.history.run_folder import RunFolder
from chaoslab.injection.ground import Ground
from chaoslab.model.mask import Mask
from chaoslab.model.secrets import secrets_within
from chaoslab.model.sighting import REACHED
from chaoslab.model.topology import Link, Topology
from chaoslab.proxies.base import ProxyControl, ProxyKind
from chaoslab.runtimes.base import RunningService, Runtime

STEADY_WITHIN_S = 2.0


@asynccontextmanager
async def brought_up(
    topology: Topology,
    runtime: Runtime,
    *,
    proxy: ProxyKind,
    seed: int,
    folder: RunFolder,
    disabled: Mutation | None = None,
    mask: Mask | None = None,
) -> AsyncIterator[Ground]:
    """Services, proxy server and links of a topology, all up and tried; taken down at the end.

    `disabled` is a fault of the plan to come, aimed at its links, that shall not act. `mask` hides
    secrets; the services' own passwords are added to it.
    Raises RuntimeUnavailable or ServiceFailed with the fix where something cannot be had.
    """
    journal = Journal(folder.history_path, mask)
    async with AsyncExitStack() as stack:
        stack.callback(journal.close)
        services, control = await _start(topology, runtime, proxy=proxy, seed=seed, folder=folder)
        stack.push_async_callback(control.close)
        for running in services.values():
            journal.mask.learn(secrets_within(running.url(running.endpoint)))
        ports = await asyncio.gather(*(_join(control, link, services) for link in topology.links))
        joined = {link: port for link, port in zip(topology.links, ports, strict=True) if port}
        addresses = {link.name: runtime.proxied(port) for link, port in joined.items()}
        twins = await _twins(control, joined, services, disabled)
        ground = Ground(
            topology=topology,
            runtime=runtime,
            control=control,
            services=services,
            addresses=addresses,
            journal=journal,
            seed=seed,
            canary_addresses={name: runtime.proxied(port) for name, port in twins.items()},
            disabled=disabled,
        )
        await asyncio.gather(*(check_steady(ground, link) for link in joined))
        versions = {name: running.version for name, running in services.items()}
        versions |= {f"proxy {control.name}": control.version}
        links = {name: str(address) for name, address in addresses.items()}
        now_s = journal.now()
        notes = runtime.standing.notes if runtime.standing else ()
        up = LabUp(at_s=now_s, took_s=now_s, versions=versions, links=links, notes=notes)
        up = replace(up, disabled=str(disabled or ""), past_proxy=runtime.past_proxy)
        journal.append(up)
        yield ground


async def check_steady(ground: Ground, link: Link) -> None:
    """Raise ServiceFailed where a link does not answer a canary while no fault is in force."""
    sighting = await ground.canary(link, within_s=STEADY_WITHIN_S)
    if sighting is not None and sighting.outcome not in REACHED:
        raise ServiceFailed(
            f"link {link.name}: no answer through its proxy while no fault is in force "
            f"(a canary observed '{sighting.outcome}'); expected {link.service} to answer"
        )


async def _start(
    topology: Topology, runtime: Runtime, *, proxy: ProxyKind, seed: int, folder: RunFolder
) -> tuple[dict[str, RunningService], ProxyControl]:
    """Everything that takes time, at once; the first failure cancels the rest."""
    failure: ChaoslabError | None = None
    try:
        async with asyncio.TaskGroup() as group:
            control = group.create_task(
                runtime.start_proxy(proxy, seed=seed, log=folder.log_path("proxy"))
            )
            starting = {
                name: group.create_task(runtime.start_service(service))
                for name, service in topology.services.items()
            }
    except* ChaoslabError as errors:
        failure = _told_as_one(errors)  # raised here it would be a group, on some Pythons
    if failure is not None:
        if control.done() and not control.cancelled() and control.exception() is None:
            await control.result().close()
        raise failure
    return {name: task.result() for name, task in starting.items()}, control.result()


def _told_as_one(errors: ExceptionGroup[ChaoslabError]) -> ChaoslabError:
    """The first of several failures, with the texts of all."""
    each = [error for error in errors.exceptions if isinstance(error, ChaoslabError)]
    return type(each[0])("\n".join(map(str, each)))


async def _join(control: ProxyControl, link: Link, services: dict[str, RunningService]) -> int:
    return await control.create(link.name, str(services[link.service].upstream))


async def _twins(
    control: ProxyControl,
    links: Iterable[Link],
    services: dict[str, RunningService],
    disabled: Mutation | None,
) -> dict[str, int]:
    """The ports of proxies that only canaries use, by link; none but where a mutation asks."""
    names = {e.name: disabled.twin_of(e.name) if disabled else None for e in links}
    return {
        link.name: await control.create(twin, str(services[link.service].upstream))
        for link in links
        if (twin := names[link.name]) is not None
    }
