"""Events of requests to an app, and of what is found of them afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AliasChoices, Field

from chaoslab.history.events.base import Event
from chaoslab.model.requests import RequestKind

# The name of the one request of an app in runs that were saved when it had no name.
UNNAMED = "write"
RequestOutcome = Literal["ok", "failed", "indeterminate", "wrong"]
# `look_up`: a read with which the lab looks up a write.
RequestPurpose = Literal["load", "proof", "look_up"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Event):
    """One request to an app, sent at `at_s`. `request` is its name in the topology.

    `outcome`: `ok` is a good answer, which acknowledges a write or a job; `wrong` is an answer with
    a good status and another content than the contract says, and `wrong` then says what differs;
    `failed` is any other answer; `indeterminate` is no clear answer: a write may or may not have
    been stored. `answer` is the beginning of the body, and `digest` the first 16 hexadecimal digits
    of the SHA-256 of the whole body (empty if there was no body, or an encoded one). `other` is the
    id of another request of this run that the answer has where it must have its own; empty if there
    is none. `fresh`: it was sent on a new connection, not on one that was kept alive. `user` is the
    one of the request's `users` who sent it; empty if it has none.
    """

    app: str
    op: str
    outcome: RequestOutcome
    took_s: float
    status_code: int | None = None
    retry_after: bool = False
    error: str | None = None
    answer: Annotated[str | None, Field(validation_alias=AliasChoices("answer", "said"))] = None
    purpose: RequestPurpose = "load"
    fresh: bool = True
    request: str = UNNAMED
    of_kind: RequestKind = "write"
    digest: str = ""
    wrong: str = ""
    other: str = ""
    user: str = ""
    kind: Literal["request", "write"] = "request"  # `write` in runs of before


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered(Event):
    """The lab found a job where its contract says, for the first time, in a look that was over at
    `at_s`. It was not there yet at `not_before_s`: the beginning of the last look that did not find
    it, or the time at which it was sent. `times` is how often it was there.

    Or an event with the job's id arrived, for the `times`th time. Both times are then the same.
    """

    app: str
    request: str
    op: str
    not_before_s: float
    times: int = 1
    kind: Literal["delivered"] = "delivered"


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossTalk(Event):
    """An event with the id `op` of a job that `owner` sent arrived where `user` is subscribed."""

    app: str
    request: str
    op: str
    owner: str
    user: str
    kind: Literal["cross_talk"] = "cross_talk"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionAccepted(Event):
    """The app accepted a subscription of the lab to its events, in which the jobs `request` are
    delivered; as `user`, if the request has users.
    """

    app: str
    request: str
    user: str = ""
    kind: Literal["subscription_accepted"] = "subscription_accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription(Event):
    """The lab was subscribed to the events of an app, in which the jobs `request` are delivered,
    from `since_s`, when the app accepted that, to `at_s`. `why` is why it ended. `user` is as whom,
    if the request has users.
    """

    app: str
    request: str
    since_s: float
    why: str
    user: str = ""
    kind: Literal["subscription"] = "subscription"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack(Event):
    """Which of an app's requests the lab found where their contract says. It looked there directly,
    past every proxy, beginning at `at_s`; or, if `service` is empty, through a read of the app.

    `repeated` maps each id that is there more than once to how often. `repeated` is None in runs
    that were saved before they were counted.
    """

    app: str
    service: str
    found: tuple[str, ...]
    missing: tuple[str, ...]
    repeated: Mapping[str, int] | None = None
    request: str = UNNAMED
    kind: Literal["read_back"] = "read_back"
