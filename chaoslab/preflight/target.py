"""Where each path of the topology leads, by the deployment's own variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from chaoslab.model.deployment import Deployment
from chaoslab.model.topology import ServiceKind
from chaoslab.preflight.document import Document
from chaoslab.preflight.env_file import read_env_file
from chaoslab.preflight.figures import stands
from chaoslab.preflight.variables import placeholder_in, variable

_REFERENCE = re.compile(r"\$\(([A-Za-z_]\w*)\)")
_DRIVER = re.compile(r"^(postgres(?:ql)?)\+\w+://")
_PORTS: Mapping[ServiceKind, int] = {"postgres": 5432, "redis": 6379}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One host to try for a link. `params` are libpq's for Postgres, the query's for Redis."""

    link: str
    kind: ServiceKind
    source: str
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    database: str = ""
    tls: bool = False
    params: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoTarget:
    """A link whose address cannot be had, and why; `declared` is false where no rule names it."""

    link: str
    source: str
    why: str
    declared: bool = True


class Values:
    """Variables by name: of the env file first, then the deployment file, then the environment."""

    def __init__(
        self,
        document: Document,
        rules: Deployment,
        env_file: Path | None,
        environment: Mapping[str, str],
    ) -> None:
        self._document, self._rules = document, rules
        self._given = read_env_file(env_file) if env_file else {}
        self._file, self._environment = str(env_file), environment

    def of(self, name: str) -> tuple[str, str]:
        """The value (empty: none that can be used) and where it stands, or why there is none."""
        if name in self._given:
            return self._given[name], f"{name} of {self._file}"
        seen = variable(self._document, self._rules.env, name)
        if seen.state == "set":
            return self._filled(seen.text), f"{name}, {self._document.where(seen.line)}"
        if self._environment.get(name):
            return self._environment[name], f"{name} of the environment"
        where = self._document.where(seen.line)
        return "", f"{name} {stands(seen)} at {where}, nor does the environment have it"

    def _filled(self, text: str) -> str:
        """The text with `$(OTHER)` replaced, as Kubernetes does it with variables beside it."""

        def value(match: re.Match[str]) -> str:
            other = variable(self._document, self._rules.env, match[1])
            known = self._given.get(match[1]) or other.text or self._environment.get(match[1])
            return known or match[0]

        return _REFERENCE.sub(value, text)


def targets(
    link: str, kind: ServiceKind, rules: Deployment, values: Values
) -> Iterator[Target | NoTarget]:
    """Every host that a link's URL names; a message never shows the URL, which holds secrets."""
    name = rules.paths.get(link)
    if name is None:
        yield NoTarget(link=link, source="", why="", declared=False)
        return
    url, source = values.of(name)
    unfilled = placeholder_in(url) or next(iter(_REFERENCE.findall(url)), "")
    if not url:
        yield NoTarget(link=link, source="", why=source)
    elif unfilled:
        yield NoTarget(link=link, source=source, why=f"{unfilled!r} in it is not filled in")
    else:
        try:
            read = _postgres if kind == "postgres" else _redis
            yield from read(link, url.strip(), source, values)
        except (ValueError, psycopg.Error):
            yield NoTarget(link=link, source=source, why=f"it holds no {kind} URL that can be read")


def _postgres(link: str, url: str, source: str, values: Values) -> Iterator[Target | NoTarget]:
    # A driver's name, as SQLAlchemy's URLs have it, is nothing to libpq.
    params = {
        key: str(value) for key, value in conninfo_to_dict(_DRIVER.sub(r"\1://", url)).items()
    }
    if not params.get("password") and (password := values.of("PGPASSWORD")[0]):
        params["password"] = password
    hosts = (params.get("host") or params.get("hostaddr") or "").split(",")
    ports = (params.get("port") or "").split(",")
    for at, host in enumerate(hosts):
        if not host or host.startswith(("/", "@")):
            why = "it names a socket's path or no host, which only the app's own machine has"
            yield NoTarget(link=link, source=source, why=why)
            continue
        port = ports[at] if len(ports) == len(hosts) else ports[0]
        yield Target(
            link=link,
            kind="postgres",
            source=source,
            host=host,
            port=int(port or _PORTS["postgres"]),
            params={**params, "host": host},
        )


def _redis(link: str, url: str, source: str, values: Values) -> Iterator[Target]:
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        raise ValueError("no Redis URL")
    query = {key: given[-1] for key, given in parse_qs(parts.query).items()}
    yield Target(
        link=link,
        kind="redis",
        source=source,
        host=parts.hostname,
        port=parts.port or _PORTS["redis"],
        user=unquote(parts.username or query.get("username", "")),
        password=unquote(parts.password or "")
        or query.get("password", "")
        or values.of("REDISCLI_AUTH")[0],
        database=parts.path.strip("/") or query.get("db", ""),
        tls=parts.scheme == "rediss",
        params=query,
    )
