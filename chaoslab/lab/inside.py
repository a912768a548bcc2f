"""Where a person reaches the parts of a run while it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.mask import Mask
from chaoslab.model.topology import App, Service
from chaoslab.runtimes.base import RunningService
from chaoslab.services import kind_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceInside:
    """One service: its URL without a proxy, and its URL through a proxy on which the same faults
    act as on that of the app. The latter is empty if there is no such proxy.

    `ours`: the lab has started the server, which ends with the run.
    """

    service: Service
    direct: str
    through: str
    ours: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """One app that runs, and the services on its links.

    `ports` maps the names of the app's ports to `host:port`; the name of its own port is empty.
    `api` is the URL of the proxy server's API, `log` the file of the app's output. `forwarded`: the
    app is in a network of its own, and connections are forwarded into it. `noticed`: the lab
    notices connections to servers past the proxies, and cannot tell a person's from the app's.
    `mask` has the secrets of the run.
    """

    app: App
    ports: Mapping[str, str]
    services: tuple[ServiceInside, ...]
    api: str
    log: Path
    forwarded: bool
    noticed: bool
    mask: Mask


def service_inside(running: RunningService, through: Endpoint | None) -> ServiceInside:
    """The addresses of a service that runs. `through` is that of the proxy, if there is one."""
    service = running.service
    return ServiceInside(
        service=service,
        direct=running.url(running.endpoint),
        through="" if through is None else running.url(through),
        ours=not kind_of(service.kind).elsewhere(service),
    )
