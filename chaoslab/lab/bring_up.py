"""Starts a topology: services, proxy server and links; a canary checks each link."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from chaoslab.errors import ChaoslabError, ErrorCode, Problem, ServiceFailed
from chaoslab.faults.mutation import Mutation
from chaoslab.history.events import LabUp
from chaoslab.history.journal import Journal
from chaoslab.history.run_folder import RunFolder
from chaoslab.injection.context import INSIDE, Context
from chaoslab.model.mask import Mask
from chaoslab.model.secrets import secrets_within
from chaoslab.model.sighting import REACHED
from chaoslab.model.topology import Link, Topology
from chaoslab.proxies.base import ProxyControl, ProxyKind
from chaoslab.runtimes.base import RunningService, Runtime

STEADY_WITHIN_S = 2.0
LINK_SILENT = ErrorCode(
    "link.no_answer",
    "no answer through its proxy while no fault is in force",
    "A canary got no answer of the service, before the app was spawned or after all heals.",
    data=("outcome",),
)


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
    read: Mapping[str, str] | None = None,
    look_inside: bool = False,
) -> AsyncIterator[Context]:
    """Start the services, the proxy server and the links of a topology; yield the Context for its
    faults.

    At the end, the connection to the proxy server and the journal are closed; the runtime stops the
    services and the server. `disabled` is the fault that a self-test disables in the coming run.
    `mask` hides secrets; the passwords of the services are added to it. `read` maps links to the
    protocol whose messages their proxies read. With `look_inside`, each link gets one more proxy
    for a person. Raises RuntimeUnavailable or ServiceFailed, and FaultUnsupported if the proxy
    server does not read messages.
    """
    journal = Journal(folder.history_path, mask)
    async with AsyncExitStack() as stack:
        stack.callback(journal.close)
        services, control = await _start(topology, runtime, proxy=proxy, seed=seed, folder=folder)
        stack.push_async_callback(control.close)
        for running in services.values():
            journal.mask.learn(secrets_within(running.url(running.endpoint)))
        ports = await asyncio.gather(
            *(_create_proxy(control, link.name, link, services, read) for link in topology.links)
        )
        joined = {link: port for link, port in zip(topology.links, ports, strict=True) if port}
        addresses = {link.name: runtime.proxied(port) for link, port in joined.items()}
        twins = await _canary_proxies(control, joined, services, disabled, read)
        inside = {
            link.name: await _create_proxy(control, link.name + INSIDE, link, services, read)
            for link in (joined if look_inside else ())
        }
        context = Context(
            topology=topology,
            runtime=runtime,
            control=control,
            services=services,
            addresses=addresses,
            journal=journal,
            seed=seed,
            canary_addresses={name: runtime.proxied(port) for name, port in twins.items()},
            disabled=disabled,
            inside={name: runtime.proxied(port) for name, port in inside.items()},
        )
        await asyncio.gather(*(check_steady(context, link) for link in joined))
        versions = {name: running.version for name, running in services.items()}
        versions |= {f"proxy {control.name}": control.version}
        links = {name: str(address) for name, address in addresses.items()}
        now_s = journal.now()
        notes = runtime.external.notes if runtime.external else ()
        up = LabUp(at_s=now_s, took_s=now_s, versions=versions, links=links, notes=notes)
        up = replace(up, disabled=str(disabled or ""), past_proxy=runtime.past_proxy)
        journal.append(up)
        yield context


async def check_steady(context: Context, link: Link) -> None:
    """Send a canary through a link while no fault is in force. Raises ServiceFailed if the canary
    gets no answer.
    """
    sighting = await context.canary(link, within_s=STEADY_WITHIN_S)
    if sighting is not None and sighting.outcome not in REACHED:
        raise ServiceFailed(
            Problem(
                reason=LINK_SILENT(outcome=sighting.outcome),
                where=f"link {link.name}",
                expected=f"an answer of {link.service} through the proxy",
                got=f"a canary observed '{sighting.outcome}'",
            )
        )


async def _start(
    topology: Topology, runtime: Runtime, *, proxy: ProxyKind, seed: int, folder: RunFolder
) -> tuple[dict[str, RunningService], ProxyControl]:
    """Start the services and the proxy server in parallel. Returns a mapping of each service's name
    to the running service, and the control of the proxy server. The first failure cancels the other
    starts and is raised.
    """
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
        failure = _merged(errors)  # some Python versions would wrap it in a group if raised here
    if failure is not None:
        if control.done() and not control.cancelled() and control.exception() is None:
            await control.result().close()
        raise failure
    return {name: task.result() for name, task in starting.items()}, control.result()


def _merged(errors: ExceptionGroup[ChaoslabError]) -> ChaoslabError:
    """One error with the type of the first error in `errors` and the problems of all of them."""
    each = [error for error in errors.exceptions if isinstance(error, ChaoslabError)]
    return type(each[0])(problem for error in each for problem in error.problems)


async def _create_proxy(
    control: ProxyControl,
    name: str,
    link: Link,
    services: dict[str, RunningService],
    read: Mapping[str, str] | None,
) -> int:
    port = await control.create(name, str(services[link.service].upstream))
    if protocol := (read or {}).get(link.name):
        await control.read_messages(name, protocol)
    return port


async def _canary_proxies(
    control: ProxyControl,
    links: Iterable[Link],
    services: dict[str, RunningService],
    disabled: Mutation | None,
    read: Mapping[str, str] | None,
) -> dict[str, int]:
    """Create the extra proxies that only canaries use, which some self-tests need. Returns a
    mapping of the name of each link with an extra proxy to the port of that proxy.
    """
    if disabled is None:
        return {}
    return {
        link.name: await _create_proxy(control, twin, link, services, read)
        for link in links
        if (twin := disabled.twin_of(link.name)) is not None
    }
