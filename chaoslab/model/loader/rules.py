"""Checks for texts of a topology file. The description of a field says what is expected."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, ip_address
from pathlib import PurePosixPath
from urllib.parse import urlsplit

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REGISTRY = r"(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::\d+)?/)?"
_IMAGE = re.compile(
    rf"{_REGISTRY}{_COMPONENT}(?:/{_COMPONENT})*"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII | re.IGNORECASE)
_HOST_CHARACTERS = 253
_LOCAL = IPv4Network("127.0.0.0/8")


def is_path(text: str) -> bool:
    """Whether the text is the path of a URL."""
    return text.startswith("/") and not any(letter.isspace() for letter in text)


def is_variable(text: str) -> bool:
    """Whether the text can be the name of an environment variable or of a build's argument."""
    return bool(text) and "=" not in text and "\0" not in text


def is_pinned(text: str) -> bool:
    """Whether the text names an image by a fixed tag (not `latest`) or by a digest."""
    reference = _IMAGE.fullmatch(text)
    if reference is None:
        return False
    return reference["digest"] is not None or reference["tag"] not in (None, "latest")


def is_http_address(text: str) -> bool:
    """Whether the text is `http://host:port`, without path, query, user and password."""
    try:
        parts = urlsplit(text)
        named = bool(parts.hostname and parts.port)
    except ValueError:  # an invalid port, an unmatched bracket
        return False
    plain = parts.path in ("", "/") and "?" not in text and "#" not in text and "@" not in text
    return parts.scheme == "http" and named and plain and _is_one_word(text)


def is_outside_address(text: str) -> bool:
    """Whether the text is a host name or an IPv4 address outside 127.0.0.0/8, with a port."""
    host, _, port = text.rpartition(":")
    is_port = port.isascii() and port.isdecimal() and 0 < int(port[:6]) <= 65535
    is_host = len(host) <= _HOST_CHARACTERS and all(map(_LABEL.fullmatch, host.split(".")))
    return is_port and is_host and not _is_local(host)


def _is_local(host: str) -> bool:
    if not host.replace(".", "").isdecimal():
        return host == "localhost"
    try:
        return ip_address(host) in _LOCAL
    except ValueError:  # digits and dots, but no address
        return True


def is_service_url(text: str) -> bool:
    """Whether the text is a connection URL of a service with a host. The port may be left out."""
    try:
        parts = urlsplit(text)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return bool(parts.scheme) and named and _is_one_word(text)


def is_http_url(text: str) -> bool:
    """Whether the text is an HTTP URL with a host, with or without port and path. TLS is not
    supported.
    """
    try:
        parts = urlsplit(text)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    plain = "?" not in text and "#" not in text and "@" not in text
    return parts.scheme == "http" and named and plain and _is_one_word(text)


def is_inside(text: str) -> bool:
    """Whether the text is a relative path that stays inside its folder."""
    path = PurePosixPath(text)
    relative = not path.is_absolute() and ".." not in path.parts
    return bool(text.strip()) and "\0" not in text and relative


def is_proxy_name(text: str) -> bool:
    """Whether the name needs no quoting in a path of Toxiproxy's API."""
    return bool(text) and _is_one_word(text) and not any(letter in "/?#%" for letter in text)


def _is_one_word(text: str) -> bool:
    return text.isprintable() and not any(letter.isspace() for letter in text)
