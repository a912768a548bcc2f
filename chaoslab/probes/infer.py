"""Proposes how the answers of health of an unknown app are to be read, from one of them. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from chaoslab.model.dialects import DIALECTS, DialectName
from chaoslab.model.health import DEFAULT_WORDS, HealthContract
from chaoslab.probes.base import as_text
from chaoslab.probes.body import BadBody, check_values, json_of, plain_text_of, word_of
from chaoslab.probes.health_body import UNKNOWN_WORD, dependencies_of, value_of
from chaoslab.probes.request import Reply

# Members that often have the word of an app, or its dependencies; the first that fits is taken.
STATUS_NAMES = ("status", "state", "health", "healthy", "ok", "result", "success", "alive", "up")
DEPENDENCY_NAMES = (
    *("dependencies", "checks", "components", "details", "services", "entries", "results"),
    *("subsystems", "info"),
)
_TEXTS = STATUS_NAMES[:3]  # whose text is taken for a word, even if it is no known one
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONTRACTS = {name: dialect.contract for name, dialect in DIALECTS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """How answers like the one that was seen can be read.

    `dialect` is None if the fields are the app's own. `words` are those that the app had for itself
    and its dependencies, each once; `unknown_words` are those of them that a contract does not have
    unless the topology declares them.
    """

    dialect: DialectName | None = None
    status_field: str
    dependencies_field: str = ""
    words: tuple[str, ...] = ()

    @property
    def unknown_words(self) -> tuple[str, ...]:
        """The words whose meaning the topology must declare."""
        known = _CONTRACTS[self.dialect].words if self.dialect else DEFAULT_WORDS
        return tuple(word for word in self.words if word.lower() not in known)


@lru_cache(maxsize=16)  # an app often sends the same body again
def infer(status_code: int, content_type: str, body: bytes) -> Proposal | None:
    """The dialect and the fields that fit an answer of health. None if nothing fits, as for a page
    of a web server, an error that has no word, or a body outside the limits of the lab.

    That only the status code counts is proposed for a 2xx with a JSON object without a word, a
    plain text, or no body.
    """
    reply = Reply(status_code=status_code, headers={"content-type": content_type}, body=body)
    try:
        value = json_of(reply)
        check_values(value)
    except BadBody:
        return _of_text(reply, reply.text.strip())
    if not isinstance(value, dict | list):
        return _of_text(reply, word_of(value) or "")
    found = _of_dialect(value, content_type)
    if found is None and isinstance(value, dict):
        found = _of_fields(value, only_known=not reply.is_success)
        if found is None and reply.is_success:
            found = _status_code()
    return found


def _of_text(reply: Reply, text: str) -> Proposal | None:
    word = as_text(text)
    if word.lower() in DEFAULT_WORDS:
        field = DIALECTS["text"].status_field
        return Proposal(dialect="text", status_field=field, words=(word,))
    plain = not reply.body.strip() or plain_text_of(reply) is not None
    return _status_code() if plain and reply.is_success else None


def _status_code() -> Proposal:
    return Proposal(dialect="status_code", status_field="")


def _of_dialect(value: object, content_type: str) -> Proposal | None:
    """The proposal of the first dialect of the table that fits: the word is one of its own, and it
    finds a dependency with a known word, or the answer has one of its content types.
    """
    for name, dialect in DIALECTS.items():
        contract = _CONTRACTS[name]
        word = word_of(value_of(dialect.status_field, value))
        if word not in dialect.vocabulary:
            continue
        if name == "booleans" and isinstance(value, dict) and set(value) & set(STATUS_NAMES):
            continue  # one of them is the app's own word
        named = dependencies_of(contract, value)
        if _is_known(contract, named) or content_type.startswith(dialect.content_types or "\0"):
            return Proposal(
                dialect=name,
                status_field=dialect.status_field,
                dependencies_field=dialect.dependencies_field,
                words=_words(word or "", named),
            )
    return None


def _of_fields(body: Mapping[str, object], *, only_known: bool) -> Proposal | None:
    """The proposal of the first member that may have the word, at the top or one level below."""
    for names, stated in _statuses(body):
        word = word_of(stated)
        if word is None:
            continue
        may_be_own = isinstance(stated, str) and len(names) == 1 and names[0].lower() in _TEXTS
        if word.lower() not in DEFAULT_WORDS and (only_known or not may_be_own):
            continue
        status_field = _expression(names)
        field, named = _dependencies(body, names[:-1], status_field)
        return Proposal(
            status_field=status_field, dependencies_field=field, words=_words(word, named)
        )
    return None


def _statuses(body: Mapping[str, object]) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yields the place and the value of each member that may have the word."""
    tables = [((), body), *(((name,), each) for name, each in body.items())]
    for place, table in tables:
        if isinstance(table, dict):
            own = {name.lower(): name for name in table}
            for name in STATUS_NAMES:
                if name in own:
                    yield (*place, own[name]), table[own[name]]


def _dependencies(
    body: Mapping[str, object], place: tuple[str, ...], status_field: str
) -> tuple[str, dict[str, str]]:
    """The field of the first member that has dependencies, and these with their words. Empty if
    there is none.
    """
    inner = body[place[0]] if place else body
    for each, table in ((place, inner), ((), body)):
        own = {name.lower(): name for name in table} if isinstance(table, dict) else {}
        for name in DEPENDENCY_NAMES:
            if name not in own:
                continue
            field = _expression((*each, own[name]))
            contract = HealthContract(status_field=status_field, dependencies_field=field)
            named = dependencies_of(contract, body)
            if _is_known(contract, named):
                return field, named
    return "", {}


def _is_known(contract: HealthContract, named: Mapping[str, str]) -> bool:
    """Whether a dependency has a word that the contract knows."""
    return any(word.lower() in contract.words for word in named.values())


def _words(word: str, named: Mapping[str, str]) -> tuple[str, ...]:
    words = dict.fromkeys((word, *named.values()))
    words.pop(UNKNOWN_WORD, None)
    return tuple(words)


def _expression(names: tuple[str, ...]) -> str:
    """The field for a member, or for a member of a member."""
    if len(names) == 1:
        return names[0]
    return ".".join(name if _IDENTIFIER.fullmatch(name) else json.dumps(name) for name in names)
