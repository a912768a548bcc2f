"""Rules that a text of the file must keep: each says yes or no, the field says what it wanted."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import urlsplit

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REGISTRY = r"(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::\d+)?/)?"
_IMAGE = re.compile(
    rf"{_REGISTRY}{_COMPONENT}(?:/{_COMPONENT})*"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)


def is_path(text: str) -> bool:
    """The path of a URL."""
    return text.startswith("/") and not any(letter.isspace() for letter in text)


def is_variable(text: str) -> bool:
    """The name of an environment variable, or of a build's argument."""
    return bool(text) and "=" not in text and "\0" not in text


def is_pinned(text: str) -> bool:
    """An image by a tag that stays what it is, or by a digest, which no tag can change."""
    reference = _IMAGE.fullmatch(text)
    if reference is None:
        return False
    return reference["digest"] is not None or reference["tag"] not in (None, "latest")


def is_http_address(text: str) -> bool:
    """`http://host:port` and nothing else: a path or a password would be lost on the way."""
    try:
        parts = urlsplit(text)
        named = bool(parts.hostname and parts.port)
    except ValueError:  # a port that is none, a bracket without its partner
        return False
    plain = parts.path in ("", "/") and "?" not in text and "#" not in text and "@" not in text
    return parts.scheme == "http" and named and plain and _is_one_word(text)


def is_service_url(text: str) -> bool:
    """A connection URL of a service, with its host; the port may be the usual one."""
    try:
        parts = urlsplit(text)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return bool(parts.scheme) and named and _is_one_word(text)


def is_http_url(text: str) -> bool:
    """`http://host:port` with a path or without; the lab would not see the end of TLS."""
    try:
        parts = urlsplit(text)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    plain = "?" not in text and "#" not in text and "@" not in text
    return parts.scheme == "http" and named and plain and _is_one_word(text)


def is_inside(text: str) -> bool:
    """A path below the folder that it is taken from."""
    path = PurePosixPath(text)
    relative = not path.is_absolute() and ".." not in path.parts
    return bool(text.strip()) and "\0" not in text and relative


def is_proxy_name(text: str) -> bool:
    """A name that stands in a path of Toxiproxy's API as it is."""
    return bool(text) and _is_one_word(text) and not any(letter in "/?#%" for letter in text)


def _is_one_word(text: str) -> bool:
    return text.isprintable() and not any(letter.isspace() for letter in text)
