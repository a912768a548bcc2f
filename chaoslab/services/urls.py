"""The URL of a service: its user and password as they are written there, the parts that apps get
as placeholders, and the same URL for a client that wants another scheme.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import quote, unquote, urlsplit

_JDBC = "jdbc:"


def log_in(user: str, password: str) -> str:
    """User and password as they stand before the `@` of a URL, percent-encoded. The password is
    left out if it is empty.
    """
    secret = f":{quote(password, safe='')}" if password else ""
    return quote(user, safe="") + secret


def user_of(url: str) -> str:
    """The user of a URL, decoded; empty if it names none."""
    return unquote(urlsplit(url).username or "")


def password_of(url: str) -> str:
    """The password of a URL, decoded; empty if it has none."""
    return unquote(urlsplit(url).password or "")


def path_of(url: str) -> str:
    """The path of a URL without its first slash, decoded: a database, or a virtual host."""
    return unquote(urlsplit(url).path.removeprefix("/"))


def with_scheme(url: str, scheme: str) -> str:
    """The URL with `scheme` in place of its own. A URL for JDBC has no user and no password: its
    drivers take these as properties.
    """
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2] if scheme.startswith(_JDBC) else parts.netloc
    query = f"?{parts.query}" if parts.query else ""
    return f"{scheme}://{address}{parts.path}{query}"


USER_AND_DATABASE: Mapping[str, Callable[[str], str]] = {
    "user": user_of,
    "password": password_of,
    "database": path_of,
}
