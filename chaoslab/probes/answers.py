"""Fills a request for one id, and compares its answer with what a good answer is. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from pydantic import JsonValue

from chaoslab.model.expressions import value_at
from chaoslab.model.placeholders import fill
from chaoslab.model.requests import ID, GoodAnswer, RequestContract
from chaoslab.probes.base import as_text
from chaoslab.probes.request import JSON, Message, Reply

DIGEST_CHARACTERS = 16
_FORM = ("Content-Type", "application/x-www-form-urlencoded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How an answer with a good status differs from a good answer. `other` is the id of another
    request that it has where it must have its own; empty if there is none.
    """

    text: str
    other: str = ""


def message_of(contract: RequestContract, op: str, user: str = "") -> Message:
    """The request of the contract for the id `op`, as `user` if it has users."""
    values = {"id": op, "user": user}
    headers = tuple((name, fill(text, values)) for name, text in contract.headers.items())
    body: bytes | None = None
    content_type = _FORM
    if contract.form is not None:
        form = {name: fill(text, values) for name, text in contract.form.items()}
        body = urlencode(form).encode()
    elif contract.body is not None:
        body, content_type = json.dumps(_filled(contract.body, values)).encode(), JSON
    if body is not None and "content-type" not in {name.lower() for name, _ in headers}:
        headers = (content_type, *headers)
    path = fill(contract.path, values)
    return Message(path=path, method=contract.method, headers=headers, body=body)


def difference(
    good: GoodAnswer, reply: Reply, op: str, is_other: Callable[[str], bool]
) -> Difference | None:
    """How the body differs from that of a good answer to the request `op`. None if it does not.

    `is_other` tells whether a text is the id of another request of this run.
    """
    if not good.reads_body:
        return None
    if reply.encoding:
        return Difference(text=f"content encoding {reply.encoding}: not read")
    if good.text and (wanted := fill(good.text, {"id": op})) not in reply.text:
        text = f"{as_text(wanted)!r} is not in the body"
        return Difference(text=text, other=_other_id(reply.text, good.text, is_other))
    if not good.equals and not good.has:
        return None
    try:
        body = json.loads(reply.text)
    except (ValueError, RecursionError):
        return Difference(text="the body is no JSON")
    for path in good.has:
        if _at(path, op, body) is None:
            return Difference(text=f"{path} is missing")
    for path, value in good.equals.items():
        wanted_value, got = _filled(value, {"id": op}), _at(path, op, body)
        if got != wanted_value or isinstance(got, bool) is not isinstance(wanted_value, bool):
            text = f"{path} is {_shown(got)}, expected {_shown(wanted_value)}"
            return Difference(text=text, other=_other_id(got, value, is_other))
    return None


def digest_of(body: bytes) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a body. Empty for an empty body."""
    return sha256(body).hexdigest()[:DIGEST_CHARACTERS] if body else ""


def _filled(value: JsonValue, values: Mapping[str, str]) -> JsonValue:
    """A copy of the value in which every text is filled."""
    if isinstance(value, str):
        return fill(value, values)
    if isinstance(value, list):
        return [_filled(each, values) for each in value]
    if isinstance(value, dict):
        return {key: _filled(each, values) for key, each in value.items()}
    return value


def _at(path: str, op: str, body: object) -> object:
    """The value at an expression of the contract for the id `op`. None if there is none."""
    return value_at(path.replace("{id}", op), body)


def _other_id(got: object, wanted: JsonValue, is_other: Callable[[str], bool]) -> str:
    """The id of another request in a text in which the own id must be. Empty if there is none."""
    if not isinstance(got, str) or "{id}" not in str(wanted):
        return ""
    return next((text for text in ID.findall(got) if is_other(text)), "")


def _shown(value: Any) -> str:
    """A value of a body in a text, cut. Lists and objects are only named: they may be nested too
    deeply to print.
    """
    if isinstance(value, list | dict):
        return f"a {'list' if isinstance(value, list) else 'table'} of {len(value)}"
    return as_text(json.dumps(value, ensure_ascii=False))
