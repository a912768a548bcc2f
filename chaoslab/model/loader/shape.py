"""The shapes of a topology file: its keys and their types. Only shapes use pydantic."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from chaoslab.model.dialects import DIALECTS, DialectName
from chaoslab.model.expressions import is_expression
from chaoslab.model.loader.base import (
    HttpPath,
    NonEmpty,
    NoNul,
    Seconds,
    Shape,
    VariableName,
    rule,
)
from chaoslab.model.loader.deployment import DEPLOYMENT_SHAPES, DeploymentShape
from chaoslab.model.loader.gate import GATE_SHAPES, GateShape
from chaoslab.model.loader.headers import HeaderOrHost, HeaderValue
from chaoslab.model.loader.kinds import PINNED, ImageName
from chaoslab.model.loader.known_gaps import KnownGapShape
from chaoslab.model.loader.policies import NEEDS, NeedByMode, PoliciesShape
from chaoslab.model.loader.renamed import VERSION
from chaoslab.model.loader.requests import REQUEST_SHAPES, RequestShape
from chaoslab.model.loader.rules import (
    is_http_address,
    is_inside,
    is_member,
    is_outside_address,
    is_process_name,
    is_proxy_name,
    is_service_url,
)
from chaoslab.model.loader.secrets import SecretsShape
from chaoslab.model.supervisor import Restart
from chaoslab.model.topology import Network

HttpAddress = Annotated[str, rule(is_http_address)]
ProcessName = Annotated[str, rule(is_process_name)]
OutsideAddress = Annotated[str, rule(is_outside_address)]
ProxyName = Annotated[str, rule(is_proxy_name)]
ServiceUrl = Annotated[str, rule(is_service_url)]
Word = Literal["healthy", "degraded", "unhealthy"]
FieldOfBody = Annotated[str, rule(lambda text: is_member(text) or is_expression(text))]
_FIELD = "a string, a member of the body or a JMESPath expression,"
HTTP_ADDRESS = "a string, http://host:port without user, password or path"


class HealthShape(Shape):
    """The keys of the table `[apps.<name>.health]`."""

    port: str = Field(default="", description="a string, the name of a port, as in {port:admin}")
    path: HttpPath = Field(default="/health", description="a path that begins with '/'")
    live_path: HttpPath | None = Field(default=None, description="a path that begins with '/'")
    ready_path: HttpPath | None = Field(default=None, description="a path that begins with '/'")
    startup_path: HttpPath | None = Field(default=None, description="a path that begins with '/'")
    prober_timeout_s: Seconds = Field(default=1.0, description="a number of seconds above 0")
    prober_failures: int = Field(default=3, ge=1, description="a whole number, 1 or more")
    period_s: Seconds | None = Field(default=None, description="a number of seconds above 0")
    phases: list[NonEmpty] = Field(
        default_factory=list, description="a list of strings, the phases of every start-up"
    )
    headers: dict[HeaderOrHost, HeaderValue] = Field(
        default_factory=dict,
        description="a table of printable ASCII strings; the lab itself sends Content-Length and "
        "Connection",
    )
    dialect: DialectName | None = Field(default=None, description=f"one of: {', '.join(DIALECTS)}")
    status_field: FieldOfBody | None = Field(
        default=None, description=f"{_FIELD} with the word; empty if only the status code counts"
    )
    dependencies_field: FieldOfBody | None = Field(
        default=None, description=f"{_FIELD} with the dependencies; empty for none"
    )
    words: dict[NonEmpty, Word] = Field(
        default_factory=dict, description='a table of words, for example OUT_OF_ORDER = "unhealthy"'
    )


class DeadlinesShape(Shape):
    """The keys of the table `[apps.<name>.deadlines]`, in seconds."""

    startup_s: Seconds = Field(default=30.0, description="a number of seconds above 0")
    fail_fast_s: Seconds = Field(default=30.0, description="a number of seconds above 0")
    degraded_s: Seconds = Field(default=10.0, description="a number of seconds above 0")
    recovery_s: Seconds = Field(default=30.0, description="a number of seconds above 0")
    stable_s: Seconds = Field(default=3.0, description="a number of seconds above 0")
    gives_up_s: Seconds | None = Field(default=None, description="a number of seconds above 0")


class LimitsShape(Shape):
    """The keys of the table `[apps.<name>.limits]`."""

    connects_per_s: float = Field(default=20.0, gt=0, description="a number above 0")
    herd: int = Field(default=20, ge=1, description="a whole number, 1 or more")
    spare_connections: int = Field(default=2, ge=0, description="a whole number, 0 or more")
    rss_growth_mib: float = Field(default=100.0, gt=0, description="a number above 0")
    cpu_cores: float = Field(default=0.8, gt=0, description="a number above 0")
    log_lines_per_s: float = Field(default=400.0, gt=0, description="a number above 0")
    log_kib_per_s: float = Field(default=1024.0, gt=0, description="a number above 0")
    commands_per_s: float = Field(default=500.0, gt=0, description="a number above 0")
    sent_kib_per_s: float = Field(default=512.0, gt=0, description="a number above 0")
    pool: dict[str, Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict,
        description="a table of whole numbers, 1 or more, for example { postgres = 8 }",
    )


class SupervisorShape(Shape):
    """The keys of the table `[apps.<name>.supervisor]`."""

    restart: Restart = Field(default="always", description="one of: always, on_failure, never")
    at_most: int | None = Field(default=None, ge=0, description="a whole number, 0 or more")
    backoff_s: float = Field(default=0.1, ge=0, description="a number of seconds, 0 or more")
    backoff_factor: float = Field(default=2.0, ge=1, description="a number, 1 or more")
    backoff_max_s: float = Field(default=5.0, ge=0, description="a number of seconds, 0 or more")
    reset_after_s: float = Field(default=10.0, ge=0, description="a number of seconds, 0 or more")
    liveness: bool = Field(default=False, description="true or false")
    liveness_period_s: Seconds = Field(default=1.0, description="a number of seconds above 0")
    startup_probe_s: Seconds = Field(default=60.0, description="a number of seconds above 0")
    grace_s: Seconds = Field(default=10.0, description="a number of seconds above 0")


class BuildShape(Shape):
    """The keys of the table `[apps.<name>.container.build]`."""

    context: Annotated[NonEmpty, rule(lambda text: "\0" not in text)] = Field(
        description="a string, a folder, relative to this file"
    )
    dockerfile: Annotated[str, rule(is_inside)] = Field(
        default="Dockerfile", description="a string, a path inside the context"
    )
    args: dict[VariableName, NoNul] = Field(
        default_factory=dict, description="a table of strings, the build's arguments"
    )


class ContainerShape(Shape):
    """The keys of the table `[apps.<name>.container]`."""

    image: ImageName = Field(description=PINNED)
    build: BuildShape | None = Field(default=None, description="a table")
    cwd: Annotated[NoNul, rule(lambda text: text.startswith("/"))] | None = Field(
        default=None, description="a string, the absolute path of a folder inside the image"
    )


class AppShape(Shape):
    """The keys of the table `[apps.<name>]`."""

    command: list[NoNul] = Field(
        min_length=1, description="a list of strings, the program and its arguments"
    )
    cwd: Annotated[NonEmpty, rule(lambda text: "\0" not in text)] | None = Field(
        default=None, description="a string, a folder, relative to this file"
    )
    prepare: list[Annotated[list[NoNul], Field(min_length=1)]] = Field(
        default_factory=list,
        description='a list of commands, for example [["{python}", "-m", "alembic", "upgrade"]]',
    )
    prepare_timeout_s: Seconds = Field(default=120.0, description="a number of seconds above 0")
    processes: dict[ProcessName, Annotated[list[NoNul], Field(min_length=1)]] = Field(
        default_factory=dict,
        description='a table of commands, for example worker = ["celery", "-A", "app", "worker"]',
    )
    env: dict[VariableName, NoNul] = Field(
        default_factory=dict, description='a table of strings, for example PORT = "{port}"'
    )
    links: list[str] = Field(default_factory=list, description="a list of names of services")
    port: int = Field(
        default=0, ge=0, le=65535, description="a whole number, 1 to 65535, or 0 for any"
    )
    network: Network = Field(default="own", description="one of: own, host")
    outside: list[OutsideAddress] = Field(
        default_factory=list,
        description="a list of addresses of other machines, each a name or an IPv4 address and a "
        'port, for example "api.example.com:443"',
    )
    health: HealthShape = Field(default_factory=HealthShape, description="a table")
    deadlines: DeadlinesShape = Field(default_factory=DeadlinesShape, description="a table")
    limits: LimitsShape = Field(default_factory=LimitsShape, description="a table")
    requests: dict[NonEmpty, RequestShape] = Field(
        default_factory=dict, description="tables, for example [apps.backend.requests.order]"
    )
    policies: dict[str, PoliciesShape] = Field(
        default_factory=dict, description="tables, for example [apps.backend.policies.postgres]"
    )
    needs: dict[str, NeedByMode] = Field(default_factory=dict, description=NEEDS)
    container: ContainerShape | None = Field(default=None, description="a table")
    supervisor: SupervisorShape | None = Field(default=None, description="a table")


class ConnectorShape(Shape):
    """The keys of the table `[connectors.<name>]`."""

    links: list[str] = Field(
        min_length=1, description="a list of links, each a service or app.service"
    )


class StandingAppShape(Shape):
    """The keys of the table `[attach.apps.<name>]`."""

    url: HttpAddress = Field(description=HTTP_ADDRESS)


class StandingLinkShape(Shape):
    """The keys of the table `[attach.links."<app>.<service>"]`."""

    proxy: ProxyName = Field(
        description="a string, the proxy's name in Toxiproxy, without spaces and '/', '?', '#', '%'"
    )


class StandingServiceShape(Shape):
    """The keys of the table `[attach.services.<name>]`."""

    url: ServiceUrl = Field(
        description="a string, for example postgresql://user@host:5432/db or redis://host:6379/0"
    )


class AttachShape(Shape):
    """The keys of the table `[attach]`."""

    toxiproxy: HttpAddress = Field(description=HTTP_ADDRESS)
    apps: dict[str, StandingAppShape] = Field(
        min_length=1, description="at least one table, for example [attach.apps.backend]"
    )
    links: dict[str, StandingLinkShape] = Field(
        min_length=1,
        description='at least one table, for example [attach.links."backend.postgres"]',
    )
    services: dict[str, StandingServiceShape] = Field(
        default_factory=dict, description="tables, for example [attach.services.postgres]"
    )


class TopologyShape(Shape):
    """The keys of the whole file, or of the table `[tool.chaoslab]`."""

    version: int = Field(
        default=0, ge=0, le=VERSION, description=f"the version of the file's names, {VERSION}"
    )
    name: NonEmpty | None = Field(default=None, description="a string, the system's name")
    services: dict[str, dict[str, object]] = Field(
        default_factory=dict, description="tables, for example [services.postgres]"
    )
    apps: dict[str, AppShape] = Field(
        min_length=1, description="at least one table, for example [apps.backend]"
    )
    connectors: dict[str, ConnectorShape] = Field(
        default_factory=dict, description="tables, for example [connectors.vpc]"
    )
    images: dict[str, object] = Field(default_factory=dict, description="a table")
    attach: AttachShape | None = Field(default=None, description="a table")
    deployment: DeploymentShape | None = Field(default=None, description="a table")
    gate: GateShape | None = Field(default=None, description="a table")
    secrets: SecretsShape = Field(default_factory=SecretsShape, description="a table")
    known_gaps: list[KnownGapShape] = Field(
        default_factory=list, description="tables, each [[known_gaps]]"
    )


# The shape of each table, by its place in the file. `*` is a name that the user chose. `kinds` has
# the tables whose keys depend on the kinds of service.
SHAPES: dict[tuple[str, ...], type[Shape]] = {
    (): TopologyShape,
    ("apps", "*"): AppShape,
    ("apps", "*", "health"): HealthShape,
    ("apps", "*", "deadlines"): DeadlinesShape,
    ("apps", "*", "limits"): LimitsShape,
    ("apps", "*", "policies", "*"): PoliciesShape,
    ("apps", "*", "supervisor"): SupervisorShape,
    ("apps", "*", "container"): ContainerShape,
    ("apps", "*", "container", "build"): BuildShape,
    ("connectors", "*"): ConnectorShape,
    ("secrets",): SecretsShape,
    ("known_gaps", "*"): KnownGapShape,
    ("attach",): AttachShape,
    ("attach", "apps", "*"): StandingAppShape,
    ("attach", "links", "*"): StandingLinkShape,
    ("attach", "services", "*"): StandingServiceShape,
    **DEPLOYMENT_SHAPES,
    **GATE_SHAPES,
    **REQUEST_SHAPES,
}
