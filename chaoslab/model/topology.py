"""The data types of a topology: services, apps, the links between them, and connectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from chaoslab.model.deployment import Deployment
from chaoslab.model.gate import Gate
from chaoslab.model.health import HealthContract
from chaoslab.model.known_gap import KnownGap
from chaoslab.model.placeholders import port_names
from chaoslab.model.policy import CutMode, Need, Policies
from chaoslab.model.requests import RequestContract
from chaoslab.model.supervisor import Supervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A real server that apps depend on. `kind` names one of `chaoslab.services.kinds()`.

    `settings` are the keys of that kind, as the file has them. The code of the kind reads them.
    `fields` are the placeholders that a service of that kind has besides `url`, `host` and `port`.
    """

    name: str
    kind: str
    settings: Mapping[str, object] = field(default_factory=dict)
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One app's path to one service. Each link has its own proxy."""

    app: str
    service: str

    @property
    def name(self) -> str:
        """`app.service`, the name by which faults address the link."""
        return f"{self.app}.{self.service}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Bounds in seconds that the app must keep. The verdicts judge the app by these bounds.

    `stable_s` is how long the app must stay healthy after a recovery. `gives_up_s` is no bound: it
    is the earliest time after the spawn at which the app itself ends a start-up that takes too
    long. None means that the app has no such limit, or that the limit is not known.
    """

    startup_s: float = 30.0
    fail_fast_s: float = 30.0
    degraded_s: float = 10.0
    recovery_s: float = 30.0
    stable_s: float = 3.0
    gives_up_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many connections an app may open, and what it may cost. The verdicts judge the app by
    these limits.

    `connects_per_s`: tries per second on one link while a fault cuts it. `herd`: connects on one
    link in any half second after the heal. `spare_connections`: how many more connections than
    before the fault the app may hold on one server after a recovery. `pool` maps a service to the
    largest number of connections that all processes of the app may hold; it replaces a smaller
    number that was observed before the fault.

    The others are for the time from a fault on. `rss_growth_mib`: how much more memory the app's
    processes may use than before. `cpu_cores`: the cores that they may use in any two seconds.
    `log_lines_per_s` and `log_kib_per_s`: what they may print in any second. `commands_per_s`:
    commands of one server in any second. `sent_kib_per_s`: what the app may send on one link in any
    second.
    """

    connects_per_s: float = 20.0
    herd: int = 20
    spare_connections: int = 2
    rss_growth_mib: float = 100.0
    cpu_cores: float = 0.8
    log_lines_per_s: float = 400.0
    log_kib_per_s: float = 1024.0
    commands_per_s: float = 500.0
    sent_kib_per_s: float = 512.0
    pool: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """How an app's image is built if the container engine has no image of that name.

    `context` is an absolute path. `dockerfile` and `args` are as for `docker build`. The build
    argument `BASE` is the image `python` of `Images`, unless `args` has one.
    """

    context: str
    dockerfile: str = "Dockerfile"
    args: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """The image of an app, and how it is built if it is missing.

    `cwd` is the folder inside the image in which the command runs; empty for the image's own.
    """

    image: str
    build: Build | None = None
    cwd: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """The images of services, proxy and lab. `python` is the base of images that the lab builds.

    `services` maps a kind to the image that replaces the kind's own.
    """

    services: Mapping[str, str] = field(default_factory=dict)
    toxiproxy: str = "ghcr.io/shopify/toxiproxy:2.12.0"
    python: str = "python:3.12-slim-bookworm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attach:
    """The addresses of parts that already run, for the attach runtime, which starts nothing.

    `toxiproxy` is the address of its API (http://host:port). `apps` maps an app to its address.
    `links` maps a link `app.service` to the name of its proxy. `services` maps a service to a
    connection URL past the proxies, with which the lab looks up what was written.
    """

    toxiproxy: str
    apps: Mapping[str, str]
    links: Mapping[str, str]
    services: Mapping[str, str] = field(default_factory=dict)


Network = Literal["own", "host"]


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An app under test. At a spawn the lab fills placeholders in its commands and in `env`:
    `{port}` and `{host}` (where the app listens), `{port:NAME}` (its further ports), `{python}`,
    and of each link `{<service>.url}`, `.host` and `.port`, which are those of the link's proxy,
    and the `fields` of its service.

    `prepare` are commands that run once, in order, before the first boot and past every proxy; each
    may take `prepare_timeout_s` seconds.

    `processes` maps the names of its further processes, such as a worker, to their commands. They
    have the environment, the links and the folder of the app, start with it and stop with it. Each
    is restarted on its own, as the supervisor restarts the app.

    `cwd` is the absolute path of the folder in which a process of the app runs. Empty means the
    working directory of the test run.

    `network` and `outside` matter if the runtime gives the app a network of its own, from which it
    reaches nothing outside the lab. `host` means that the app needs the machine's network;
    `outside` are addresses, each a name or an IPv4 address and a port, that it shall reach.
    `policies` maps a service to what the app is to do without it, `needs` to what the app was
    accepted to need it for, by how the path to it fails.
    Without a `supervisor` nothing starts the app again after its process has ended.
    """

    name: str
    command: tuple[str, ...]
    cwd: str = ""
    prepare: tuple[tuple[str, ...], ...] = ()
    prepare_timeout_s: float = 120.0
    processes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    links: tuple[str, ...] = ()
    port: int = 0
    network: Network = "own"
    outside: tuple[str, ...] = ()
    health: HealthContract = field(default_factory=HealthContract)
    deadlines: Deadlines = field(default_factory=Deadlines)
    limits: Limits = field(default_factory=Limits)
    requests: Mapping[str, RequestContract] = field(default_factory=dict)
    policies: Mapping[str, Policies] = field(default_factory=dict)
    needs: Mapping[str, Mapping[CutMode, Need]] = field(default_factory=dict)
    container: Container | None = None
    supervisor: Supervisor | None = None

    @property
    def commands(self) -> tuple[tuple[str, ...], ...]:
        """Every command of the app: its own, those of `prepare`, and those of its processes."""
        return (self.command, *self.prepare, *self.processes.values())

    @property
    def port_names(self) -> tuple[str, ...]:
        """The names of the ports of the app besides its `port`: those that its commands and its
        environment use, and that of its health.
        """
        of_health = (self.health.port,) if self.health.port else ()
        words = (word for command in self.commands for word in command)
        named = port_names((*words, *self.env.values()))
        return tuple(dict.fromkeys((*named, *of_health)))

    @property
    def write(self) -> RequestContract | None:
        """The first write of the app whose effect the lab can look up. None if it has none."""
        return next((each for each in self.requests.values() if each.looked_up), None)

    @property
    def first_request(self) -> RequestContract | None:
        """The request of a load that names none: `write`, or else the first. None if it has
        none.
        """
        return self.write or next(iter(self.requests.values()), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """A named group of links (`app.service`) that fail together, such as a VPC connector."""

    name: str
    links: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Secrets to mask besides those that the lab finds itself.

    They are the values of the environment variables in `variables`, and the texts in `values`.
    """

    variables: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """Everything under test: services, apps and connectors, each by its name, and how to run and
    judge them.
    """

    name: str
    services: Mapping[str, Service]
    apps: Mapping[str, App]
    connectors: Mapping[str, Connector] = field(default_factory=dict)
    images: Images = field(default_factory=Images)
    attach: Attach | None = None
    deployment: Deployment | None = None
    gate: Gate | None = None
    secrets: Secrets = field(default_factory=Secrets)
    known_gaps: tuple[KnownGap, ...] = ()
    source: str = ""

    @property
    def links(self) -> tuple[Link, ...]:
        """Every link of every app, in the order of the file."""
        return tuple(
            Link(app=app.name, service=service)
            for app in self.apps.values()
            for service in app.links
        )

    def fields_of_links(self, app: App) -> dict[str, tuple[str, ...]]:
        """Maps each service that the app has a link to, to the `fields` of that service."""
        return {name: self.services[name].fields for name in app.links}

    def links_of(self, target: str) -> tuple[Link, ...]:
        """The links that a fault's target names. A target is a connector, a link `app.service`, or
        a service, which means every link to it. Empty if nothing has that name.
        """
        wanted = self.connectors[target].links if target in self.connectors else (target,)
        return tuple(link for link in self.links if link.name in wanted or link.service in wanted)

    @property
    def targets(self) -> tuple[str, ...]:
        """Every name that may be the target of a fault on links."""
        return (*self.connectors, *(link.name for link in self.links), *self.services)
