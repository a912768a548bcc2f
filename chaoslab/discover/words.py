"""Puts placeholders into the words of a command: for the app's own address and for servers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import zip_longest

from chaoslab.discover.known import BY_PORT
from chaoslab.discover.links import Links
from chaoslab.discover.shell import is_shell_line
from chaoslab.discover.urls import escaped

_ASSIGNED = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<value>.*)", re.DOTALL)
_OPTION = re.compile(r"(?P<option>--?[A-Za-z][\w.-]*)(?P<equals>=)(?P<value>.*)", re.DOTALL)
_PORT_OPTIONS = frozenset(
    ("--port", "-p", "--http-port", "--server-port", "--listen-port", "-port")
)
_HOST_OPTIONS = frozenset(("--host", "--hostname", "--http-host", "-host", "--ip"))
_ADDRESS_OPTIONS = frozenset(
    (
        "--bind",
        "-b",
        "--listen",
        "--addr",
        "--address",
        "--listen-addr",
        "-addr",
        "-listen",
        "--http",
    )
)
_FURTHER = re.compile(r"--?(?P<name>[a-z][a-z0-9]*)[-_.](?:addr|address|listen|bind|port)\b")
# In a line for a shell. It begins at the first character of a scheme: a long word is read once.
_URL = re.compile(r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"`;|<>()]+")
_ADDRESS = re.compile(r"(?P<host>\[?[A-Za-z0-9.:]*?\]?):(?P<port>[0-9]{2,5})")


def assigned(words: Sequence[str]) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """The variables that are set in front of a command, as in `A=1 node server.js` or `env A=1
    node server.js`, and the rest of the command.
    """
    found: dict[str, str] = {}
    rest = [*words]
    if len(rest) > 1 and rest[0] == "env" and _ASSIGNED.fullmatch(rest[1]):
        rest = rest[1:]
    while rest and (match := _ASSIGNED.fullmatch(rest[0])):
        found[match["name"]] = match["value"]
        rest = rest[1:]
    return found, tuple(rest)


def filled_words(words: Sequence[str], links: Links, kept: Collection[str] = ()) -> tuple[str, ...]:
    """The words with placeholders for the port, the host, and the URLs and addresses of servers;
    other braces are doubled. So are those of a line for a shell. A word that has a placeholder of
    `kept` already stays as it is.
    """
    if is_shell_line(words):
        *shell, line = words
        # The spaces stay: they may be in quotes.
        pieces = re.split(r"(\s+)", line)
        pieces[::2] = _filled_words(pieces[::2], links, kept)
        return (*shell, "".join(pieces))
    return tuple(_filled_words(words, links, kept))


def _filled_words(words: Sequence[str], links: Links, kept: Collection[str]) -> list[str]:
    given = [has_placeholder(word, kept) for word in words]
    options = {k: v for k, v in _options(words).items() if not has_placeholder(v, kept)}
    grouped = links.grouped(options, lambda _: "of the command")
    done: list[str] = []
    before = ""
    for index, word in enumerate(words):
        option = _OPTION.fullmatch(word)
        if given[index]:
            done.append(escaped(word, kept))
        elif option is not None:
            value = _filled(option["option"], option["value"], links, grouped)
            done.append(f"{escaped(option['option'])}={value}")
        else:
            done.append(_filled(before if index else "", word, links, grouped))
        before = word
    return [*_own_ports(done, given)]


def has_placeholder(text: str, kept: Collection[str]) -> bool:
    """Whether a text has one of the placeholders, as the user writes them."""
    return escaped(text, kept) != escaped(text)


def _own_ports(words: Sequence[str], given: Sequence[bool]) -> Iterator[str]:
    """The words, in which each further address of the app has a port of its own, with the name of
    its option: `--grpc-addr {host}:{port:grpc}`. What the user wrote (`given`) stays.
    """
    taken = any("{port}" in word for word, own in zip(words, given, strict=True) if own)
    for before, word, own in zip(("", *words), words, given, strict=False):
        if own or "{port}" not in word:
            yield word
            continue
        match = _FURTHER.match(word if word.startswith("-") else before)
        if match is not None and (taken or match["name"] == "grpc"):
            yield word.replace("{port}", f"{{port:{match['name']}}}")
        else:
            taken = True
            yield word


def _options(words: Sequence[str]) -> Mapping[str, str]:
    """The options with a value, as in `--redis-host cache` or `--redis-host=cache`."""
    found: dict[str, str] = {}
    for word, after in zip_longest(words, words[1:], fillvalue="-"):
        if (match := _OPTION.fullmatch(word)) is not None:
            found[match["option"]] = match["value"]
        elif word.startswith("-") and not after.startswith("-"):
            found[word] = after
    return found


def _filled(option: str, word: str, links: Links, grouped: Mapping[str, str]) -> str:
    where = f"the command's {option}" if option.startswith("-") else "the command"
    if (found := links.value(word, where) or grouped.get(option)) is not None:
        return found
    if option in _PORT_OPTIONS and word.isascii() and word.isdecimal():
        return "{port}"
    if option in _HOST_OPTIONS and (word == "localhost" or re.fullmatch(r"[0-9.]+|::1?", word)):
        return "{host}"
    if (match := _ADDRESS.fullmatch(word)) is not None:
        bare = _is_every(match["host"]) and int(match["port"]) not in BY_PORT
        if bare or option in _ADDRESS_OPTIONS:
            return "{host}:{port}"
    return _line(word, links)


def _line(line: str, links: Links) -> str:
    """A word or a line for a shell, with placeholders for the URLs of servers in it."""
    done, end = "", 0
    for match in _URL.finditer(line):
        found = links.value(match[0], "the command")
        done += escaped(line[end : match.start()]) + (found or escaped(match[0]))
        end = match.end()
    return done + escaped(line[end:])


def _is_every(host: str) -> bool:
    return host.strip("[]") in ("", "0.0.0.0", "::", "127.0.0.1")
