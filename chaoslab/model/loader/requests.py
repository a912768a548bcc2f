"""The tables `[apps.<name>.requests.<request>]`: their shapes, and the contracts that they mean."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import Field, JsonValue, model_validator

from chaoslab.model.expressions import is_expression
from chaoslab.model.loader.base import HttpPath, NonEmpty, NoNul, Seconds, Shape, rule, together
from chaoslab.model.loader.headers import Header, HeaderValue
from chaoslab.model.requests import (
    LOOKED_FOR,
    Delivery,
    Found,
    GoodAnswer,
    RequestContract,
    RequestKind,
)

_PATH = "a JMESPath expression in quotation marks, for example 'order.id'"
_METHOD_OF: dict[RequestKind, str] = {"write": "POST", "job": "POST", "read": "GET", "page": "GET"}
_WITHIN_S: dict[RequestKind, float] = {"write": 0.0, "job": 10.0}


Expression = Annotated[str, rule(lambda text: is_expression(text.replace("{id}", "id")))]
Method = Annotated[str, rule(lambda text: bool(re.fullmatch("[A-Z]+", text)))]
# It stands in paths and headers as it is (RFC 3986, 2.3: unreserved characters).
User = Annotated[str, rule(lambda text: bool(re.fullmatch(r"[A-Za-z0-9._~-]+", text)))]


class GoodShape(Shape):
    """The keys of the table `[apps.<name>.requests.<request>.good]`."""

    status: list[Annotated[int, Field(ge=200, le=599)]] = Field(
        default_factory=list, description="a list of statuses, 200 to 599, for example [200, 201]"
    )
    equals: dict[Expression, JsonValue] = Field(
        default_factory=dict,
        description=f"a table; each key is {_PATH}, each value is what is expected there",
    )
    has: list[Expression] = Field(default_factory=list, description=f"a list, each entry {_PATH}")
    text: str = Field(default="", description="a string that must be in the body")


class FoundShape(Shape):
    """The keys of the table `[apps.<name>.requests.<request>.found]`."""

    service: NonEmpty | None = Field(default=None, description="a string, the service to look in")
    table: NonEmpty | None = Field(default=None, description="a string, the table of the row")
    column: NonEmpty = Field(default="id", description="a string, the column with the row's id")
    key: NonEmpty | None = Field(default=None, description="a string, the name of a key")
    request: NonEmpty | None = Field(default=None, description="a string, a read of the same app")
    websocket: HttpPath | None = Field(
        default=None, description="a path that begins with '/', of a WebSocket of the same app"
    )
    events: HttpPath | None = Field(
        default=None, description="a path that begins with '/', of the app's server-sent events"
    )
    within_s: float | None = Field(default=None, ge=0, description="a number of seconds, 0 or more")
    delivery: Delivery = Field(
        default="exactly_once", description="one of: exactly_once, at_least_once"
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        places = {
            "service and table": bool(self.service and self.table),
            "service and key": bool(self.service and self.key),
            "request": bool(self.request),
            "websocket": bool(self.websocket),
            "events": bool(self.events),
        }
        if sum(places.values()) != 1 or (self.service and not (self.table or self.key)):
            raise together(
                "does not name one place",
                "service and table, or service and key, or request, or websocket, or events",
                "declare where the lab finds the effect of the request",
            )
        return self


class RequestShape(Shape):
    """The keys of the table `[apps.<name>.requests.<request>]`."""

    kind: RequestKind = Field(description="one of: write, read, job, page")
    path: HttpPath = Field(description="a path that begins with '/'")
    method: Method | None = Field(
        default=None, description="a method in capitals, for example POST"
    )
    headers: dict[Header, HeaderValue] = Field(
        default_factory=dict,
        description="a table of printable ASCII strings; the lab itself sends Host, Content-Length "
        "and Connection",
    )
    body: JsonValue = Field(default=None, description="any value; it is sent as JSON")
    form: dict[NonEmpty, NoNul] | None = Field(
        default=None, description="a table of strings, the fields of a form"
    )
    good: GoodShape = Field(default_factory=GoodShape, description="a table")
    found: FoundShape | None = Field(default=None, description="a table")
    of: NonEmpty | None = Field(default=None, description="a string, the write that is read")
    users: list[User] = Field(
        default_factory=list,
        description="a list of names of letters, digits, '-', '.', '_' and '~'",
    )
    timeout_s: Seconds = Field(default=2.0, description="a number of seconds above 0")
    rate_per_s: float = Field(default=10.0, gt=0, description="a number above 0")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.body is not None and self.form is not None:
            raise together("has body and form", "one of them", "remove one of them")
        if self.found is not None and self.kind not in LOOKED_FOR:
            fix = "remove found, or make it a write or a job"
            raise together(f"is a {self.kind} and has found", "found in a write or a job", fix)
        if self.found is None and self.kind == "job":
            fix = "add found, where the result of the job is"
            raise together("is a job without found", "the place of its result", fix)
        if self.kind == "write" and self.found and (self.found.websocket or self.found.events):
            raise together("is a write that is found in events", "a job", "make it a job")
        if self.kind == "job" and self.found is not None and self.found.within_s == 0:
            raise together("is a job with within_s = 0", "above 0", "give it time in found")
        if self.of is not None and self.kind != "read":
            fix = "remove of, or make it a read"
            raise together(f"is a {self.kind} and has of", "of in a read", fix)
        if self.users and not (self.found and (self.found.websocket or self.found.events)):
            fix = "remove users, or make it a job that is found in websocket or events"
            raise together("has users and is not found in events", "a job found in events", fix)
        if self.users and len(set(self.users)) != max(2, len(self.users)):
            raise together("has one user, or one twice", "two or more different users", "add one")
        return self


def request_contract(name: str, shape: RequestShape) -> RequestContract:
    """The contract that a valid table means."""
    return RequestContract(
        name=name,
        kind=shape.kind,
        path=shape.path,
        method=shape.method or _METHOD_OF[shape.kind],
        headers=dict(shape.headers),
        body=shape.body,
        form=None if shape.form is None else dict(shape.form),
        good=GoodAnswer(
            status=tuple(shape.good.status),
            equals=dict(shape.good.equals),
            has=tuple(shape.good.has),
            text=shape.good.text,
        ),
        found=None if shape.found is None else _found(shape.kind, shape.found),
        of=shape.of or "",
        users=tuple(shape.users),
        timeout_s=shape.timeout_s,
        rate_per_s=shape.rate_per_s,
    )


def _found(kind: RequestKind, shape: FoundShape) -> Found:
    return Found(
        service=shape.service or "",
        table=shape.table or "",
        column=shape.column,
        key=shape.key or "",
        request=shape.request or "",
        websocket=shape.websocket or "",
        events=shape.events or "",
        within_s=_WITHIN_S[kind] if shape.within_s is None else shape.within_s,
        delivery=shape.delivery,
    )


REQUEST_SHAPES: dict[tuple[str, ...], type[Shape]] = {
    ("apps", "*", "requests", "*"): RequestShape,
    ("apps", "*", "requests", "*", "good"): GoodShape,
    ("apps", "*", "requests", "*", "found"): FoundShape,
}
