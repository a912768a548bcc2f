"""What an answer to a health request means by the health contract. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chaoslab.model.health import HealthContract, HealthState
from chaoslab.probes.base import as_text
from chaoslab.probes.body import BadBody, json_of, kind_of, plain_text_of, word_of
from chaoslab.probes.health_body import dependencies_of, value_of
from chaoslab.probes.infer import infer
from chaoslab.probes.request import Reply

MOST_SHOWN = 1000  # characters of a body from which a line is made
MOST_INFERRED_BYTES = 1 << 14  # of a body for which fields are proposed, each time it comes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The result of one health request."""

    state: HealthState
    status_code: int | None = None
    word: str | None = None
    dependencies: Mapping[str, str]
    error: str | None = None


def read_answer(contract: HealthContract, reply: Reply) -> Answer:
    """The result of an answer to a health request: its state, its word and its dependencies. If the
    body cannot be read, `error` says why, and the state is never healthy.
    """
    code = reply.status_code
    try:
        body = json_of(reply)
        stated = value_of(contract.status_field, body)
        if not isinstance(body, dict) and stated is None:
            raise BadBody(kind_of(body))
        dependencies = dependencies_of(contract, body)
    except BadBody as bad:
        return _without_json(contract, reply, str(bad))
    word = word_of(stated)
    return Answer(
        state=contract.state_of(code, word),
        status_code=code,
        word=word,
        dependencies=dependencies,
        error=_no_word(contract.status_field, stated, reply) if word is None else None,
    )


def unknown_word(contract: HealthContract, answer: Answer) -> str:
    """The word of a 2xx answer that the contract does not have. Empty if there is none."""
    counts = answer.status_code is not None and 200 <= answer.status_code < 300
    word = answer.word or ""
    if not counts or not contract.status_field or word.lower() in contract.words:
        return ""
    return word


def unreadable(status_code: int, error: str) -> Answer:
    """The result of an answer whose body is not read: `error` says why."""
    return Answer(
        state=HealthState.UNHEALTHY, status_code=status_code, dependencies={}, error=error
    )


def _without_json(contract: HealthContract, reply: Reply, got: str) -> Answer:
    """The result of an answer to a health request without the JSON that the contract reads. The
    body itself is the word if it is plain text or a known word, as ASP.NET Core sends by default.
    Any other body is an error, unless only the status code counts: `got` says what it is.
    """
    code, word = reply.status_code, None if reply.encoding else as_text(reply.text.strip())
    state = contract.state_of(code, word)
    plain = plain_text_of(reply)
    if not contract.status_field:
        return Answer(state=state, status_code=code, word=plain, dependencies={})
    if plain is not None or state is not HealthState.UNHEALTHY:
        return Answer(state=state, status_code=code, word=plain or word, dependencies={})
    kind = as_text(reply.headers.get("content-type", "no content type"))
    error = f"health answered {code} with {kind}, expected a JSON object, got {got}"
    return unreadable(code, error + _suggestion(reply))


def _no_word(field: str, stated: object, reply: Reply) -> str | None:
    """Why there is no word at the field of a body. None if no word is needed: the status code
    decides, or the contract has no such field.
    """
    code = reply.status_code
    if stated is not None:
        return f"health answered {code}: its '{field}' is {kind_of(stated)}, expected a word"
    if not field or not reply.is_success:
        return None
    body = as_text(" ".join(reply.text[:MOST_SHOWN].split()))
    return f"health answered {code} {body} without a word at '{field}'{_suggestion(reply)}"


def _suggestion(reply: Reply) -> str:
    """How to declare the fields of a 2xx answer that the contract does not read, if that can be
    told from it. Else empty.
    """
    if not reply.is_success or reply.encoding or len(reply.body) > MOST_INFERRED_BYTES:
        return ""
    found = infer(reply.status_code, reply.headers.get("content-type", ""), reply.body)
    if found is None:
        return ""
    if found.dialect == "status_code":
        return '; if only the status code counts, set status_field = ""'
    if found.dialect is not None:
        return f'; did you mean dialect = "{found.dialect}"?'
    quote = "'" if '"' in found.status_field else '"'
    return f"; did you mean status_field = {quote}{as_text(found.status_field)}{quote}?"
