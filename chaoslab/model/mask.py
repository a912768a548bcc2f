"""Masks secrets in everything that is saved or printed. Each run has one mask."""

from __future__ import annotations

import dataclasses
import html
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from urllib.parse import quote, quote_plus

from chaoslab.model.secrets import (
    ASSIGNMENT,
    OPTION,
    PAIR,
    URL,
    is_value_of,
    looks_secret,
    secrets_of_command,
    secrets_of_env,
)
from chaoslab.model.topology import Secrets

T = TypeVar("T")
MASKED = "***"
# In a text a shorter value would match other words as well.
SHORTEST, SHORTEST_NUMBER = 4, 6
_EDGE = 8  # characters of a secret at the end of a cut text that are masked as well
_ENV, _COMMAND, _PATHS = {"env", "args", "headers", "form"}, {"command", "argv"}, {"services"}
_SETTINGS = "settings"  # of a service
_PLAIN = frozenset(
    ("true", "false", "none", "null", "enabled", "disabled", "default", "info", "debug", "test")
)
# The values of these fields come from the lab, never from an app.
_NAMES = frozenset(
    ("app", "boot", "code", "end", "fault", "kind", "link", "links", "op", "probe", "request")
) | {"service", "step", "stream", "target", "type"}
# Words that the lab itself writes.
_OWN = ("chaoslab", "toxiproxy", "docker", "compose", "localhost", "python")
# The scheme of a URL is no secret, even if a password is the same word, as `postgres` is.
_NOT_IN_A_SCHEME = r"(?![a-z]{0,12}(?:\+[a-z0-9]{1,12})?://)"
# The password of a URL in any text: without quotation marks and @. The lookbehind keeps it fast: a
# long run of letters would else be searched from each of its letters.
_SHOWN_URL = re.compile(r"(?P<head>(?<![\w+.-])[\w+.-]+://[^\s/?#:@]*:)[^\s/?#@\"'<>]+(?P<tail>@)")

_known_fields: dict[type, tuple[str, ...]] = {}


class Mask:
    """Replaces the secrets of a run by `***`.

    At a place whose name is secret (a variable, an option, the password of a URL) the value is
    always masked. In other texts a secret is masked if it has 4 or more characters (6 if all are
    digits). It is not masked if it is part of a name of the topology or the plan, or a word such as
    `true`: then reports could not be read. The usual escaped forms of a value are masked as well.
    """

    def __init__(
        self,
        secrets: Iterable[str] = (),
        *,
        listed: Collection[str] = (),
        words: Iterable[str] = (),
    ) -> None:
        self._listed = frozenset(listed)
        self._words = "\n".join((*_OWN, *words)).lower()
        self._forms: dict[str, None] = {}
        self._text: re.Pattern[str] | None = None
        self._data: re.Pattern[bytes] | None = None
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Add these secrets to those that the mask hides."""
        before = len(self._forms)
        for secret in secrets:
            for piece in {secret, *(line.strip() for line in secret.splitlines())}:
                if self._can_hide(piece):
                    self._forms |= dict.fromkeys(_forms(piece))
        if len(self._forms) > before:
            longest_first = sorted(self._forms, key=len, reverse=True)
            pattern = f"(?:{'|'.join(map(re.escape, longest_first))}){_NOT_IN_A_SCHEME}"
            self._text = re.compile(pattern)
            self._data = re.compile(pattern.encode("utf-8", "surrogatepass"))

    def learn_boot(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        """Add the secrets in the command and the environment of one boot to those that the mask
        hides.
        """
        self.learn(secrets_of_command(command, self._listed))
        self.learn(secrets_of_env(env, self._listed))

    def knows_name(self, name: str) -> bool:
        """Whether the value of a variable of that name is secret."""
        return looks_secret(name, self._listed)

    def text(self, text: str) -> str:
        """The text with its secrets masked."""
        if self._text is not None:
            text = self._cut(self._text.sub(MASKED, text))
        return _SHOWN_URL.sub(rf"\g<head>{MASKED}\g<tail>", text) if "://" in text else text

    def data(self, data: bytes) -> bytes:
        """The output of a process, in any encoding, with its secrets masked."""
        if self._data is not None:
            data = self._data.sub(MASKED.encode(), data)
        if b"://" not in data:
            return data
        text = data.decode("utf-8", "surrogateescape")
        text = _SHOWN_URL.sub(rf"\g<head>{MASKED}\g<tail>", text)
        return text.encode("utf-8", "surrogateescape")

    def command(self, words: Sequence[str]) -> tuple[str, ...]:
        """The command with its secrets masked."""
        return tuple(self._command(words))

    def of(self, value: T) -> T:
        """The value with its secrets masked. It may be an event, a topology, a plan or a verdict.

        Fields that hold only words of the lab stay as they are.
        """
        return cast("T", self._of(value))

    def _of(self, value: object, field: str = "") -> object:
        if isinstance(value, Enum):
            return value
        if isinstance(value, str):
            return (
                self._place(value)
                if field in _PATHS or field.endswith("path")
                else self.text(value)
            )
        if isinstance(value, Mapping):
            if field in _ENV:
                return {name: self._variable(name, each) for name, each in value.items()}
            if field == _SETTINGS:
                return {name: self._setting(str(name), each) for name, each in value.items()}
            return {self._of(key): self._of(each, field) for key, each in value.items()}
        if isinstance(value, tuple | list):
            if field in _COMMAND:
                return type(value)(self._command([str(word) for word in value]))
            return type(value)(self._of(each, field) for each in value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._dataclass(value)
        return value

    def _dataclass(self, value: Any) -> object:
        if isinstance(value, Secrets):
            return dataclasses.replace(value, values=(MASKED,) * len(value.values))
        changed: dict[str, Any] = {}
        for name in _free_fields(type(value)):
            if name in _NAMES:
                continue
            before = getattr(value, name)
            after = self._of(before, name)
            if after is not before and after != before:
                changed[name] = after
        return dataclasses.replace(value, **changed) if changed else value

    def _variable(self, name: str, value: str) -> str:
        if value and looks_secret(name, self._listed):
            return MASKED
        return self._place(value)

    def _setting(self, name: str, value: object) -> object:
        """A value in the settings of a service, at any depth, masked by its name if it is short."""
        if isinstance(value, str):
            return self._variable(name, value)
        if isinstance(value, Mapping):
            return {inner: self._setting(str(inner), each) for inner, each in value.items()}
        return self._of(value, name)

    def _command(self, words: Sequence[str]) -> Iterator[str]:
        for before, word in zip(("", *words), words, strict=False):
            assigned = ASSIGNMENT.fullmatch(word)
            if is_value_of(before, word, self._listed):
                yield MASKED
            elif assigned is not None and looks_secret(assigned["name"], self._listed):
                yield assigned["head"] + MASKED
            else:
                yield self._place(word)

    def _place(self, text: str) -> str:
        """The text with its secrets masked, and with every value in it whose name is secret, even a
        short one.
        """

        def named(match: re.Match[str]) -> str:
            return match["head"] + MASKED if looks_secret(match["name"], self._listed) else match[0]

        text = OPTION.sub(named, PAIR.sub(named, text))
        return self.text(URL.sub(rf"\g<head>{MASKED}\g<tail>", text))

    def _can_hide(self, secret: str) -> bool:
        shortest = SHORTEST_NUMBER if secret.isdigit() else SHORTEST
        return len(secret) >= shortest and self._is_no_word(secret)

    def _is_no_word(self, text: str) -> bool:
        return text.lower() not in _PLAIN and text.lower() not in self._words

    def _cut(self, text: str) -> str:
        """The text, with a part of a secret masked at its start or end, if the text was cut inside
        the secret.
        """
        for form in self._forms if len(text) >= _EDGE else ():
            if len(form) > _EDGE:
                at = text.rfind(form[:_EDGE])
                if at >= 0 and form.startswith(text[at:]) and self._is_no_word(text[at:]):
                    text = text[:at] + MASKED
                end = text.find(form[-_EDGE:]) + _EDGE
                if end >= _EDGE and form.endswith(text[:end]) and self._is_no_word(text[:end]):
                    text = MASKED + text[end:]
        return text


def _forms(secret: str) -> Iterator[str]:
    """The secret as it is, and in the forms in which JSON, Python, URLs and XML escape it."""
    escaped = json.dumps(secret)[1:-1]
    yield from (secret, escaped, json.dumps(secret, ensure_ascii=False)[1:-1])
    yield from (json.dumps(escaped)[1:-1], repr(secret)[1:-1], html.escape(secret))
    data = secret.encode("utf-8", "surrogatepass")
    yield repr(data)[2:-1]
    for quoted in (quote(data, safe=""), quote(data), quote_plus(data)):
        yield quoted
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)


def _free_fields(kind: type) -> tuple[str, ...]:
    """The names of the fields of a dataclass that can hold any text."""
    if kind not in _known_fields:
        hints, fields = get_type_hints(kind), dataclasses.fields(kind)
        _known_fields[kind] = tuple(e.name for e in fields if not _is_fixed(hints[e.name]))
    return _known_fields[kind]


def _is_fixed(hint: Any) -> bool:
    origin = get_origin(hint)
    if origin is Literal:
        return True
    if origin in (Union, UnionType, tuple):
        return all(_is_fixed(each) for each in get_args(hint) if each is not Ellipsis)
    return isinstance(hint, type) and issubclass(hint, Enum | int | float | NoneType)
