"""Names the addresses outside the lab that an app tried: they may explain its verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chaoslab.history.events import TriedOutside, UncountedOutside
from chaoslab.history.journal import History
from chaoslab.reason import Code, Reason

SHOWN = 3  # addresses, and names of one address; the others are counted
_DNS_PORT = 53


def _text(data: Mapping[str, Any]) -> str:
    app, attempts, where = data["app"], data["attempts"], f"{data['host']}:{data['port']}"
    when = f"from {data['first_s']:.3f} s to {data['last_s']:.3f} s"
    if data["protocol"] == "tcp":
        times = "once" if attempts == 1 else f"{attempts} times"
        fix = f"apps.{app}.outside can declare it"
        return f"{app} tried {where} {times}, {when}: outside the lab, refused here ({fix})"
    sent = "1 datagram" if attempts == 1 else f"{attempts} datagrams"
    if data["names"]:
        fix = f"apps.{app}.outside can declare a name"
        return (
            f"{app} asked DNS for {_listed(data['names'])}, {sent}, {when}: no answer here ({fix})"
        )
    if data["port"] == _DNS_PORT:
        return f"{app} sent {sent} to DNS at {where}, {when}: no answer here"
    return f"{app} sent {sent} to {where}, {when}: outside the lab, refused here"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more names" if more > 0 else "")


TRIED = Code(
    "outside.tried",
    _text,
    "The app tried an address outside the lab, or asked DNS; its network has neither.",
    data=("app", "protocol", "host", "port", "attempts", "first_s", "last_s", "names"),
)
MORE = Code(
    "outside.more",
    "{app} tried {count} more addresses outside the lab",
    "The number of further addresses outside the lab that the app tried.",
)
UNCOUNTED = Code(
    "outside.uncounted",
    "{packets} more packets to addresses outside the lab, of any app: too many to list them",
    "Packets that are in no other reason: the apps tried too many addresses, or sent too fast.",
)


def tried(event: TriedOutside) -> Reason:
    """The reason that describes one address which an app tried."""
    return TRIED(
        app=event.app,
        protocol=event.protocol,
        host=event.host,
        port=event.port,
        attempts=event.attempts,
        first_s=event.first_s,
        last_s=event.last_s,
        names=event.names,
    )


def tried_outside(app: str, history: History) -> Iterator[Reason]:
    """Yield a reason for each of the first three addresses outside the lab that the app tried, and
    the number of the others.
    """
    events = [event for event in history.of(TriedOutside) if event.app == app]
    yield from map(tried, sorted(events, key=lambda event: event.first_s)[:SHOWN])
    if (more := len(events) - SHOWN) > 0:
        yield MORE(app=app, count=more)
    for uncounted in history.of(UncountedOutside):
        yield UNCOUNTED(packets=uncounted.packets)
