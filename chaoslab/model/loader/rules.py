"""Checks for texts of a topology file. The description of a field says what is expected."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network
from pathlib import PurePosixPath
from urllib.parse import urlsplit

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REGISTRY = r"(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::\d+)?/)?"
_IMAGE = re.compile(
    rf"{_REGISTRY}{_COMPONENT}(?:/{_COMPONENT})*"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)

# Of a JSON object, such as `health-status` or `db:ping`; empty for none.
_MEMBER = re.compile(r"[\w.:/ -]*")
_PROCESS = re.compile(r"[A-Za-z][A-Za-z0-9_-]*", re.ASCII)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII | re.IGNORECASE)
_HOST_CHARACTERS = 253
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
# A last label that programs read as a number: then the whole text is an address to them.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII | re.IGNORECASE)
# This host, loopback, the lab's own network, multicast and broadcast.
_NOT_OUTSIDE = tuple(map(IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "198.18.0.0/15", "224.0.0.0/3")))


def is_path(text: str) -> bool:
    """Whether the text is the path of a URL."""
    return text.startswith("/") and not any(letter.isspace() for letter in text)


def is_member(text: str) -> bool:
    """Whether the text is the plain name of a member of a JSON object, or empty."""
    return bool(_MEMBER.fullmatch(text))


def is_variable(text: str) -> bool:
    """Whether the text can be the name of an environment variable or of a build's argument."""
    return bool(text) and "=" not in text and "\0" not in text


def is_process_name(text: str) -> bool:
    """Whether the text can be the name of a process of an app: its log file has the name."""
    return bool(_PROCESS.fullmatch(text))


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
    """Whether the text is a host name or an IPv4 address of another machine, with a port."""
    host, _, port = text.rpartition(":")
    if not _PORT.fullmatch(port) or int(port) > 65535 or len(host) > _HOST_CHARACTERS:
        return False
    labels = host.lower().split(".")
    if not all(map(_LABEL.fullmatch, labels)) or labels[-1] == "localhost":
        return False
    return not _NUMBER.fullmatch(labels[-1]) or _is_outside(host)


def _is_outside(address: str) -> bool:
    try:
        found = IPv4Address(address)
    except ValueError:
        return False
    return not any(found in network for network in _NOT_OUTSIDE)


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
