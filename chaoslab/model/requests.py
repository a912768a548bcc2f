"""The requests that the lab sends to an app as its users would, and what a good answer is.
Plain data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

from chaoslab.model.placeholders import names_in

Delivery = Literal["exactly_once", "at_least_once"]
RequestKind = Literal["write", "read", "job", "page"]
# The id of a request, as the lab writes it: a UUID.
ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
# The kinds of request with an effect that the lab looks for after the answer.
LOOKED_FOR: frozenset[RequestKind] = frozenset({"write", "job"})


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodAnswer:
    """What the answer to a request must be. Every part that is declared must hold.

    `status` are the statuses that are good; empty means every 2xx. `equals` maps a JMESPath
    expression to the value that the body has there, `has` are expressions whose value must not be
    null, and `text` must be in the body. `{id}` in a value or in `text` is the request's own id.
    Source: the JMESPath specification (jmespath.org).
    """

    status: tuple[int, ...] = ()
    equals: Mapping[str, JsonValue] = field(default_factory=dict)
    has: tuple[str, ...] = ()
    text: str = ""

    def accepts(self, status: int) -> bool:
        """Whether the status is a good one."""
        return status in self.status if self.status else 200 <= status < 300

    @property
    def reads_body(self) -> bool:
        """Whether the body matters, too."""
        return bool(self.equals or self.has or self.text)

    @property
    def names_id(self) -> bool:
        """Whether the body must have the request's own id."""
        return "{id}" in f"{self.text} {self.has} {dict(self.equals)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where the effect of a write or a job is found. One of five is declared.

    - `service` with `table` and `column`: a row whose column has the id.
    - `service` with `key`: a key that has `{id}` in its name, or a list, set, sorted set, hash or
      stream of that name with the id among its members, fields or values.
    - `request`: the name of a read of the app whose answer is good for the id.
    - `websocket` or `events`, for a job: a path of the app at which the lab subscribes, to the
      messages of a WebSocket or to server-sent events. One that has the id delivers the job. If
      the job has `users`, `{user}` in the path is one of them: each subscribes for itself.

    A write must be there at most `within_s` seconds after its answer, a job after its answer or the
    heal. `delivery` says whether it may be there more than once.
    """

    service: str = ""
    table: str = ""
    column: str = "id"
    key: str = ""
    request: str = ""
    websocket: str = ""
    events: str = ""
    within_s: float = 0.0
    delivery: Delivery = "exactly_once"

    @property
    def counts(self) -> bool:
        """Whether the place shows how often an id is there: a table, a key with many ids, or
        events.
        """
        return self.is_channel or (bool(self.service) and "id" not in names_in(self.key))

    @property
    def is_channel(self) -> bool:
        """Whether the app sends an event, to which the lab subscribes."""
        return bool(self.websocket or self.events)

    @property
    def place(self) -> str:
        """The place in words, such as `postgres: orders.id`."""
        if self.request:
            return f"the answer of {self.request}"
        if self.is_channel:
            return f"the events at {self.websocket or self.events}"
        return f"{self.service}: {self.key or f'{self.table}.{self.column}'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContract:
    """One request of an app, as its users send it.

    The lab replaces `{id}` in `path`, `headers` and the body by an id: a new UUID for each request;
    for a read of the write `of`, the id of a write that was acknowledged. `body` is sent as JSON,
    `form` as forms are (`application/x-www-form-urlencoded`); without both there is no body.

    `kind`: a `write` stores something that is `found` again; a `read` returns it; a `job` is
    accepted here and done later, where it is `found`; a `page` just works. A request waits
    `timeout_s` for its answer; a load sends `rate_per_s` of them per second.

    `users`, for a job that is found in events: the users who send it, in turn. The lab replaces
    `{user}` in `path`, `headers` and the body by one of them.
    """

    name: str
    kind: RequestKind
    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: JsonValue = None
    form: Mapping[str, str] | None = None
    good: GoodAnswer = field(default_factory=GoodAnswer)
    found: Found | None = None
    of: str = ""
    users: tuple[str, ...] = ()
    timeout_s: float = 2.0
    rate_per_s: float = 10.0

    @property
    def looked_up(self) -> Found | None:
        """Where the lab looks up the effect of a write. None for another kind, or if nothing is
        declared.
        """
        return self.found if self.kind == "write" else None

    @property
    def is_compared(self) -> bool:
        """Whether a good answer has the content of this request: its own id, or for a read of a
        write what the contract says of the body.
        """
        return self.good.names_id or (bool(self.of) and self.good.reads_body)
