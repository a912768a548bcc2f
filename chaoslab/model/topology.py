"""What is under test: services, apps, the links between them, and what fails together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from chaoslab.model.deployment import Deployment
from chaoslab.model.gate import Gate
from chaoslab.model.health import HealthContract

Delivery = Literal["exactly_once", "at_least_once"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A real server that apps depend on. `kind` names one of `chaoslab.services.kinds()`.

    `settings` are the kind's own keys, as the file has them; the kind reads them by its `keys`.
    """

    name: str
    kind: str
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One app's path to one service; every connection on it passes a proxy of its own."""

    app: str
    service: str

    @property
    def name(self) -> str:
        """`app.service`, the name by which faults address the link."""
        return f"{self.app}.{self.service}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Bounds in seconds that the app promises; verdicts hold it to them.

    `stable_s` is for how long it is watched after a recovery, and has to stay healthy.
    `gives_up_s` is no promise: the earliest time after its spawn at which a limit of the app's own
    ends a start-up that takes too long. None: it has no such limit, or none that is known.
    """

    startup_s: float = 30.0
    fail_fast_s: float = 30.0
    degraded_s: float = 10.0
    recovery_s: float = 30.0
    stable_s: float = 3.0
    gives_up_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How an app may treat its servers; verdicts hold it to them.

    `connects_per_s`: tries on one link while it cannot be reached. `herd`: connects on one link in
    any half second after it is back. `spare_connections`: how many more than its baseline it may
    hold on one server after a recovery. `pool`: the most connections that all its processes may
    hold on a server, by service; it takes the place of a baseline that is less.
    """

    connects_per_s: float = 20.0
    herd: int = 20
    spare_connections: int = 2
    pool: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteContract:
    """How a probe writes one row through the app and where it lies in the database.

    `create_path` takes the body `create_body`, in which `{id}` is replaced by a fresh UUID, and
    answers 2xx once the row is kept, or will be `kept_within_s` later. `table` and `id_column` say
    where it is read back directly from `service`. `delivery` says how often the row may be there.
    """

    service: str
    create_path: str
    create_body: Mapping[str, str]
    table: str
    id_column: str = "id"
    delivery: Delivery = "exactly_once"
    kept_within_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """How an app's image is built when the engine has none of its name.

    `context` is an absolute path; `dockerfile` and `args` are as for `docker build`. The build
    argument `BASE` is filled with the image `python` of `Images` unless `args` has one.
    """

    context: str
    dockerfile: str = "Dockerfile"
    args: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """What an app is in a container: its image, and how that is built where it is absent."""

    image: str
    build: Build | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """The images of services, proxy and lab; `python` is the base of what the lab builds.

    `services` has, by kind, those that take the place of the kind's own.
    """

    services: Mapping[str, str] = field(default_factory=dict)
    toxiproxy: str = "ghcr.io/shopify/toxiproxy:2.12.0"
    python: str = "python:3.12-slim-bookworm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attach:
    """Where everything already stands, for runs that start nothing.

    `toxiproxy` is the API's address (http://host:port); `apps` maps an app to its address, `links`
    a link `app.service` to the name of the proxy that carries it, and `services` a service to a
    connection URL past the proxies, for reading back what was written.
    """

    toxiproxy: str
    apps: Mapping[str, str]
    links: Mapping[str, str]
    services: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A process under test. Placeholders in `command` and `env` are filled when it is spawned:
    `{port}`, `{host}` (where it listens), `{python}`, and `{<service>.url}`, `.host`, `.port` of
    each of its links, proxied.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    links: tuple[str, ...] = ()
    port: int = 0
    health: HealthContract = field(default_factory=HealthContract)
    deadlines: Deadlines = field(default_factory=Deadlines)
    limits: Limits = field(default_factory=Limits)
    writes: WriteContract | None = None
    container: Container | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """A named group of links (`app.service`) that fail together, such as a VPC connector."""

    name: str
    links: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What is masked beyond what looks secret: the values of these variables, and these values."""

    variables: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """Everything under test, each part by its name."""

    name: str
    services: Mapping[str, Service]
    apps: Mapping[str, App]
    connectors: Mapping[str, Connector] = field(default_factory=dict)
    images: Images = field(default_factory=Images)
    attach: Attach | None = None
    deployment: Deployment | None = None
    gate: Gate | None = None
    secrets: Secrets = field(default_factory=Secrets)
    source: str = ""

    @property
    def links(self) -> tuple[Link, ...]:
        """Every link of every app, in the order of the file."""
        return tuple(
            Link(app=app.name, service=service)
            for app in self.apps.values()
            for service in app.links
        )

    def links_of(self, target: str) -> tuple[Link, ...]:
        """The links that a fault's target names: a connector, a link `app.service`, or a service
        (then every app's link to it). Empty when nothing has that name.
        """
        wanted = self.connectors[target].links if target in self.connectors else (target,)
        return tuple(link for link in self.links if link.name in wanted or link.service in wanted)

    @property
    def targets(self) -> tuple[str, ...]:
        """Every name that a fault on the network may have as its target."""
        return (*self.connectors, *(link.name for link in self.links), *self.services)
