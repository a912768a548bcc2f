"""Finds the secrets in texts: by the names of variables and options, and the passwords of URLs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from urllib.parse import unquote

# A name is split at underscores, dashes and changes of case: MONKEY does not contain KEY.
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_WHOLE = frozenset(("KEY", "KEYS", "AUTH", "AUTHORIZATION", "DSN", "JWT", "BEARER", "SALT"))
_LAST = frozenset(("PASS", "PWD"))  # PASS_RATE is no secret
_ENDS = (
    *("PASSWORD", "PASSWORDS", "PASSWD", "PASSPHRASE", "SECRET", "SECRETS", "TOKEN", "TOKENS"),
    *("CREDENTIAL", "CREDENTIALS", "CREDS", "APIKEY", "APIKEYS", "ACCESSKEY", "SECRETKEY"),
    *("PRIVATEKEY", "AUTHKEY"),
)
_NEVER = frozenset(("PWD", "OLDPWD"))  # the shell's working directories
# The password extends to the last @ before the path: it may have an @ that is not encoded.
# The lookbehinds keep these fast: a long run of letters would be searched from each letter.
URL = re.compile(r"(?P<head>(?<![\w+.-])[\w+.-]+://[^\s/?#:@]*:)(?P<value>[^\s/?#]+)(?P<tail>@)")
PAIR = re.compile(
    r"""(?P<head>(?<![\w.-])(?:(?![A-Za-z_])[\w.-])*(?P<name>[A-Za-z_][\w.-]*)\s?=\s?["']?)"""
    r"""(?P<value>[^\s&;"']+)"""
)
ASSIGNMENT = re.compile(r"(?s)(?P<head>-{0,2}(?P<name>[A-Za-z_][\w.-]*)=)(?P<value>.+)")
# An option and its value within a command that is one text.
OPTION = re.compile(r"""(?P<head>(?<!\S)--?(?P<name>[A-Za-z][\w.-]*)\s+["']?)(?P<value>[^\s"']+)""")
_OPTION = re.compile(r"--?(?P<name>[A-Za-z][\w.-]*)")


def looks_secret(name: str, listed: Collection[str] = ()) -> bool:
    """Whether the value of a variable or an option of that name is secret.

    `listed` are further names that are secret.
    """
    if name in listed:
        return True
    if name in _NEVER:
        return False
    parts = [part.upper() for part in _PARTS.findall(name)]
    joined = [f"{one}{other}" for one, other in pairwise(parts)]
    if parts and parts[-1] in _LAST:
        return True
    return any(part in _WHOLE or part.endswith(_ENDS) for part in (*parts, *joined))


def secrets_of_env(env: Mapping[str, str], listed: Collection[str] = ()) -> Iterator[str]:
    """The secrets in an environment: the values of variables with a secret name, and the secrets
    within any value.
    """
    for name, value in env.items():
        if looks_secret(name, listed):
            yield value
        yield from secrets_within(value, listed)


def secrets_of_headers(headers: Mapping[str, str], listed: Collection[str] = ()) -> Iterator[str]:
    """The secrets in the headers of a request: those that an environment would have, the
    credentials after a scheme such as `Bearer`, and cookies, each also without its name.
    """
    yield from secrets_of_env(headers, listed)
    for name, value in headers.items():
        if looks_secret(name, listed):
            yield value.rpartition(" ")[2]
        elif name.lower() == "cookie":
            yield value
            yield from (pair.partition("=")[2].strip() for pair in value.split(";"))


def secrets_of_command(words: Sequence[str], listed: Collection[str] = ()) -> Iterator[str]:
    """The secrets among a command's words: `--password x`, `--password=x`, `NAME=x` and URLs. If a
    word is a command itself, as after `sh -c`, the secrets in that command as well.
    """
    for before, word in zip(("", *words), words, strict=False):
        if is_value_of(before, word, listed):
            yield word
        assigned = ASSIGNMENT.fullmatch(word)
        if assigned is not None and looks_secret(assigned["name"], listed):
            yield assigned["value"]
        yield from secrets_within(word, listed)
        if any(letter.isspace() for letter in word):
            inner = _split(word)
            if inner != [word]:  # a shell does not split at spaces such as U+00A0
                yield from secrets_of_command(inner, listed)


def secrets_within(text: str, listed: Collection[str] = ()) -> Iterator[str]:
    """The passwords of the URLs in a text, and the values of `name=value` with a secret name. A
    value with a `%` is returned twice: as it is written, and decoded.
    """
    found = [match["value"] for match in URL.finditer(text)]
    found += [m["value"] for m in PAIR.finditer(text) if looks_secret(m["name"], listed)]
    for value in found:
        yield value
        if "%" in value:
            yield unquote(value)


def is_value_of(option: str, word: str, listed: Collection[str] = ()) -> bool:
    """Whether a word of a command is the secret value of the option before it."""
    match = _OPTION.fullmatch(option)
    return match is not None and looks_secret(match["name"], listed) and not word.startswith("--")


def _split(word: str) -> list[str]:
    try:
        return shlex.split(word)
    except ValueError:
        return word.split()
