"""Finds the servers that variables and words of a command name, and puts placeholders in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from chaoslab.discover.known import BY_NAME, BY_PORT, BY_SCHEME, BY_VALUE, Server, by_words
from chaoslab.discover.names import (
    ADDRESS_WORDS,
    DATABASE_WORDS,
    group_and_role,
    is_other,
    parts_of,
)
from chaoslab.discover.urls import Address, address_in, filled_dsn, filled_url

_HOST_PORT = re.compile(
    r"(?P<host>[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})"
)
# The values by which a variable such as DB_CONNECTION says that there is no server.
_NO_SERVER = frozenset(("sqlite", "sqlite3", "file", "memory"))
_LOCAL = frozenset(("localhost", "127.0.0.1", "::1", "0.0.0.0", "host.docker.internal", ""))
# Schemes of URLs that name no database, or do not say which.
_NOT_SERVERS = frozenset(
    ("http", "https", "file", "unix", "sqlite", "sqlite3", "tcp", "ws", "wss", "s3")
)
MOST_SERVICES, MOST_NOTES = 12, 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A server that the app uses: the name of its service, what it is, and where that was read."""

    name: str
    server: Server
    host: str
    port: int
    why: str


@dataclass(slots=True, kw_only=True)
class Links:
    """Collects the servers that texts name. `hosts` maps the names of known hosts, such as those of
    a Compose file, to the names of their servers. `sql` is the SQL server that the folder is known
    to use, for variables that do not say which.

    `uses` are the servers, `notes` has a line for each that is not proposed, with the reason.
    """

    hosts: Mapping[str, str] = field(default_factory=dict)
    sql: str = ""
    uses: list[Use] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def filled(self, variables: Mapping[str, str], where: Callable[[str], str]) -> dict[str, str]:
        """Maps each variable that names a server to its value with placeholders. `where` says for a
        variable where it was read.
        """
        own = {name: value for name, value in variables.items() if value and not is_other(name)}
        found: dict[str, str] = {}
        for name, value in own.items():
            text = self.value(value, f"{name} {where(name)}".strip())
            text = self._socket(name, value, where(name)) if text is None else text
            if text is not None:
                found[name] = text
        found |= self.grouped({k: v for k, v in own.items() if k not in found}, where)
        for name, value in own.items():
            if name not in found and (text := self._pair(name, value, where(name))) is not None:
                found[name] = text
        self._note_unknown({k: v for k, v in own.items() if k not in found}, where)
        return {name: found[name] for name in own if name in found}

    def _socket(self, name: str, value: str, where: str) -> str | None:
        """The URL of the server in place of a Unix socket, if the variable's name says which."""
        server = by_words(parts_of(name))
        if server is None or not re.match(r"unix:/", value.strip()):
            return None
        address = Address(scheme="", host="", port=server.port)
        use = self._use(server, address, f"{name} {where}".strip())
        return None if use is None else f"{{{use.name}.url}}"

    def _note_unknown(self, variables: Mapping[str, str], where: Callable[[str], str]) -> None:
        """Note each database whose URL or DSN does not say which kind of server it is."""
        for name, value in variables.items():
            words = {*parts_of(name)}
            if words & DATABASE_WORDS and (address := address_in(value)) is not None:
                known = address.scheme in BY_SCHEME or address.scheme in _NOT_SERVERS
                if address.host and not known:
                    why = f"{name} {where(name)}".strip()
                    self._note(f"{why}: not known which kind of server this is")

    def value(self, value: str, why: str) -> str | None:
        """The text with placeholders, if it is the URL or the DSN of a server that chaoslab can
        start. None for any other text.
        """
        address = address_in(value)
        if address is None:
            return None
        server = BY_SCHEME.get(address.scheme) or self._guess(address)
        if server is None:
            if address.scheme in ("http", "https") and address.host.lower() not in _LOCAL:
                self._note(
                    f"{why}: an HTTP server at {address.host}; declare it as a service of kind "
                    "'http' to inject faults on it"
                )
            return None
        use = self._use(server, address, why)
        if use is None:
            return None
        if address.lost:
            self._note(
                f"{why}: left out {', '.join(address.lost)}: the lab's server has no TLS, and "
                "options of its own"
            )
        return filled_dsn(value, use.name) if address.dsn else filled_url(address, use.name, server)

    def grouped(self, variables: Mapping[str, str], where: Callable[[str], str]) -> dict[str, str]:
        """Maps variables, or options of a command, that together hold the address of a server to
        their values with placeholders.
        """
        groups: dict[str, dict[str, str]] = {}
        for name in variables:
            if (read := group_and_role(name)) is not None:
                groups.setdefault(read[0], {}).setdefault(read[1], name)
        found: dict[str, str] = {}
        for group, names in groups.items():
            if "host" in names:
                found |= self._group(group, names, variables, where)
        return found

    def _group(
        self,
        group: str,
        names: Mapping[str, str],
        variables: Mapping[str, str],
        where: Callable[[str], str],
    ) -> dict[str, str]:
        values = {role: variables[name] for role, name in names.items()}
        both = _HOST_PORT.fullmatch(values["host"].strip())
        host = both["host"] if both else values["host"]
        port = _number(values.get("port", "")) or (int(both["port"]) if both else 0)
        why = f"{', '.join(names[role] for role in names if role != 'kind')} "
        why = f"{why}{where(names['host'])}".strip()
        kind = values.get("kind", "")
        if _NO_SERVER & {*re.split(r"[^a-z0-9]+", kind.lower())}:
            return {}
        server = self._server_of(group, host, port, kind)
        if server is None:
            if set(parts_of(group)) & DATABASE_WORDS:
                self._note(f"{why}: not known which kind of server this is")
            return {}
        use = self._use(server, Address(scheme="", host=host, port=port), why)
        if use is None:
            return {}
        fields = {
            "host": f"{{{use.name}.host}}" + (f":{{{use.name}.port}}" if both else ""),
            "port": f"{{{use.name}.port}}",
        }
        fields |= {"password": f"{{{use.name}.password}}"}
        if server.name == "redis":  # it has the user `default`, and the number of a database stays
            fields |= {"user": ""}
        else:
            database = "vhost" if server.name == "rabbitmq" else "database"
            fields |= {"user": f"{{{use.name}.user}}", "database": f"{{{use.name}.{database}}}"}
        return {name: fields[role] for role, name in names.items() if role in fields}

    def _server_of(self, group: str, host: str, port: int, kind: str) -> Server | None:
        parts = parts_of(group)
        named = self.hosts.get(host.lower(), "")
        by_value = BY_VALUE.get(_last(kind), "")
        if (found := by_words(parts) or BY_NAME.get(named) or BY_NAME.get(by_value)) is not None:
            return found
        if port in BY_PORT:
            return BY_PORT[port]
        if (found := by_words(parts_of(host))) is not None:
            return found
        return BY_NAME.get(self.sql) if set(parts) & DATABASE_WORDS else None

    def _pair(self, name: str, value: str, where: str) -> str | None:
        """The text with placeholders, if the variable is the `host:port` of a known server, or a
        list of them: the lab starts one.
        """
        items = [_HOST_PORT.fullmatch(each.strip()) for each in value.split(",")]
        matches = [each for each in items if each]
        if len(matches) < len(items):
            return None
        host, port = matches[0]["host"], int(matches[0]["port"])
        server = self._server_of_pair(parts_of(name), host, port)
        if server is None:
            return None
        why = f"{name} {where}".strip()
        use = self._use(server, Address(scheme="", host=host, port=port), why)
        if use is None:
            return None
        if len(items) > 1:
            self._note(f"{why}: a list of {len(items)} servers; the lab starts one in their place")
        return f"{{{use.name}.host}}:{{{use.name}.port}}"

    def _server_of_pair(self, parts: tuple[str, ...], host: str, port: int) -> Server | None:
        named = by_words(parts)
        if named is not None:
            return named
        hosted = BY_NAME.get(self.hosts.get(host.lower(), "")) or by_words(parts_of(host))
        if not set(parts) & ADDRESS_WORDS:
            return hosted if hosted is not None and hosted.port == port else None
        return hosted or BY_PORT.get(port)

    def _guess(self, address: Address) -> Server | None:
        """The server of a URL whose scheme is not known: by its host or its port."""
        if address.scheme in _NOT_SERVERS:
            return None
        return BY_NAME.get(self.hosts.get(address.host.lower(), "")) or BY_PORT.get(address.port)

    def _use(self, server: Server, address: Address, why: str) -> Use | None:
        """The service for a server at that address: one that is known already, or a new one. None,
        with a note, if chaoslab has no such kind.
        """
        host, port = address.host.lower(), address.port or server.port
        same_kind = [use for use in self.uses if use.server is server]
        for use in same_kind:
            same_port = use.port == port
            if same_port and (use.host == host or {use.host, host} & _LOCAL):
                return use
        if not server.kind or len(self.uses) >= MOST_SERVICES:
            more = "too many servers" if server.kind else f"chaoslab has no kind '{server.name}'"
            self._note(f"{why}: a {server.name} server; {more}: declare it as kind 'tcp' by hand")
            return None
        number = len(same_kind) + 1
        name = server.name if number == 1 else f"{server.name}-{number}"
        use = Use(name=name, server=server, host=host, port=port, why=why)
        self.uses.append(use)
        return use

    def _note(self, text: str) -> None:
        if len(self.notes) < MOST_NOTES and text not in self.notes:
            self.notes.append(text)


def _last(kind: str) -> str:
    """The last word of a value such as `django.db.backends.postgresql` or `org.postgresql.Driver`
    that may name a server.
    """
    words = re.split(r"[^a-z0-9]+", kind.lower())
    return next((word for word in reversed(words) if word in BY_VALUE), "")


def _number(text: str) -> int:
    digits = text.strip()
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 5 else 0
