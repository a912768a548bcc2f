"""Reads the connection URL or the DSN of a server, and writes it again with placeholders."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from chaoslab.discover.known import BY_SCHEME, TLS_SCHEMES, Server

MOST_CHARACTERS = 2_000
_URL = re.compile(r"(?P<before>jdbc:|r2dbc:)?(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://.+")
_KEY_VALUE = re.compile(r"(?P<key>[A-Za-z][A-Za-z _]*?)\s*=\s*(?P<value>'[^']*'|[^;\s]*)")
# The DSN of Go's MySQL driver.
_GO_DSN = re.compile(
    r"(?P<who>[^@/]*)@tcp\((?P<host>[^():]+)(?::(?P<port>[0-9]{1,5}))?\)/(?P<database>[^?]*)(?P<more>\?.*)?"
)
_BRACES = re.compile(r"\$?\{\{|\}\}|\$\{[^{}]*\}|\{(?P<name>[^{}]*)\}|[{}]")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PORT = re.compile(r"[0-9]{1,5}")
_DSN_KEYS = {
    **dict.fromkeys(("host", "server", "data source", "addr"), "host"),
    "port": "port",
    **dict.fromkeys(("user", "username", "user id", "uid"), "user"),
    **dict.fromkeys(("password", "pwd"), "password"),
    **dict.fromkeys(("dbname", "database", "initial catalog"), "database"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A server's address as a text names it. `scheme` is the part that names the server, in lower
    case; `written` is the scheme as written, and `before` a prefix such as `jdbc:`. `lost` are
    options that are left out of the new text.
    """

    scheme: str
    host: str
    port: int
    written: str = ""
    path: str = ""
    before: str = ""
    dsn: bool = False
    lost: tuple[str, ...] = ()


def address_in(text: str) -> Address | None:
    """The address that a whole text is: a URL, a JDBC URL or a DSN of `key=value`. None if it is
    something else.
    """
    text = text.strip()
    if len(text) > MOST_CHARACTERS or not text.isprintable():
        return None
    if (go := _GO_DSN.fullmatch(text)) is not None:
        return Address(scheme="mysql", host=go["host"], port=int(go["port"] or 3306), dsn=True)
    match = _URL.fullmatch(text)
    return _dsn(text) if match is None else _url(text, match)


def _url(text: str, match: re.Match[str]) -> Address | None:
    written = match["scheme"]
    try:
        parts = urlsplit(text.removeprefix(match["before"] or ""))
        host, port = parts.hostname or "", parts.port or 0
    except ValueError:
        # A list of hosts, or a password with characters that are not encoded.
        host, port, parts = _loosely(text), 0, urlsplit(f"{written}://")
    lower = written.lower()
    scheme = _scheme_of(lower)
    options = tuple(dict.fromkeys(name for name, _ in parse_qsl(parts.query)))
    lost = (*((lower,) if lower in TLS_SCHEMES else ()), *options)
    return Address(
        scheme=scheme,
        host=host,
        port=port,
        written=written,
        path=parts.path,
        before=match["before"] or "",
        lost=lost,
    )


def _scheme_of(written: str) -> str:
    """The scheme itself if it is known, such as `mongodb+srv`; else its part that is, as in
    `postgresql+asyncpg` and `db+postgresql`; else its first part.
    """
    parts = written.split("+")
    return next((each for each in (written, *parts) if each in BY_SCHEME), parts[0])


def _loosely(text: str) -> str:
    """The first host of a URL that cannot be parsed."""
    after = text.partition("://")[2].rpartition("@")[2]
    return re.split(r"[:/,?#]", after, maxsplit=1)[0]


def _dsn(text: str) -> Address | None:
    keys = {
        _DSN_KEYS[key]: match["value"].strip("'")
        for match in _KEY_VALUE.finditer(text)
        if (key := match["key"].strip().lower()) in _DSN_KEYS
    }
    host, port = keys.get("host", ""), keys.get("port", "")
    if not _HOST.fullmatch(host) or not (_PORT.fullmatch(port) or keys.get("database")):
        return None
    # libpq's and Npgsql's name is `host`; `server` without a port may be any SQL server.
    usual = 5432 if re.search(r"(?i)\bhost\s*=", text) else 0
    number = int(port) if _PORT.fullmatch(port) else usual
    scheme = "postgres" if "dbname=" in text.replace(" ", "").lower() else "unknown"
    return Address(scheme=scheme, host=host, port=number, dsn=True)


def filled_url(address: Address, service: str, server: Server) -> str:
    """The URL of `service` through its link, in the form of the URL at that address."""
    where = f"{{{service}.host}}:{{{service}.port}}"
    if address.before:
        return f"{{{service}.url:{address.before}{address.written}}}"
    scheme = address.written.lower()
    sockets = {"unix", "socket"} & {*scheme.split("+")}  # the lab's server has a port
    if server.name == "redis" and not sockets and address.path.strip("/") not in ("", "0"):
        return f"redis://{where}{escaped(address.path)}"
    if scheme == server.usual or scheme in TLS_SCHEMES or sockets:
        return f"{{{service}.url}}"
    return f"{{{service}.url:{scheme}}}"


def filled_dsn(text: str, service: str) -> str:
    """The DSN with the values of its address, user and database replaced by placeholders."""

    def replaced(match: re.Match[str]) -> str:
        role = _DSN_KEYS.get(match["key"].strip().lower())
        value = escaped(match["value"]) if role is None else f"{{{service}.{role}}}"
        return f"{match['key']}={value}"

    if (go := _GO_DSN.fullmatch(text.strip())) is not None:
        who = (
            f"{{{service}.user}}:{{{service}.password}}@tcp({{{service}.host}}:{{{service}.port}})"
        )
        return f"{who}/{{{service}.database}}{escaped(go['more'] or '')}"
    return _KEY_VALUE.sub(replaced, text.strip())


def escaped(text: str, kept: Collection[str] = ()) -> str:
    """The text with its braces doubled, so that it has no placeholders but those in `kept`. `${…}`
    is one of a shell, and `{{…}}` one of another program.
    """

    def doubled(match: re.Match[str]) -> str:
        if match["name"] is not None and match["name"] in kept:
            return match[0]
        return match[0].replace("{", "{{").replace("}", "}}")

    return _BRACES.sub(doubled, text)
