"""Names the addresses outside the lab that an app tried: they may explain its verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chaoslab.history.events import TriedOutside
from chaoslab.history.journal import History
from chaoslab.reason import Code, Reason

SHOWN = 3  # addresses; the others are counted


def _text(data: Mapping[str, Any]) -> str:
    app, names = data["app"], ", ".join(data["names"])
    if names:
        tried, why = f"looked up {names}", "such names are unknown here"
    else:
        tried = f"tried {data['host']}:{data['port']} ({data['protocol']})"
        why = "it is outside the lab and unreachable here"
    times = "once" if data["attempts"] == 1 else f"{data['attempts']} times"
    when = f"from {data['first_s']:.3f} s to {data['last_s']:.3f} s"
    return f"{app} {tried} {times}, {when}: {why} (apps.{app}.outside allows it)"


TRIED = Code(
    "outside.tried",
    _text,
    "The app tried an address outside the lab, which its network does not have.",
    data=("app", "protocol", "host", "port", "attempts", "first_s", "last_s", "names"),
)
MORE = Code(
    "outside.more",
    "{app} tried {count} more addresses outside the lab",
    "The number of further addresses outside the lab that the app tried.",
)


def tried_outside(app: str, history: History) -> Iterator[Reason]:
    """Yield a reason for each of the first three addresses outside the lab that the app tried, and
    the number of the others.
    """
    tried = [event for event in history.of(TriedOutside) if event.app == app]
    for event in sorted(tried, key=lambda event: event.first_s)[:SHOWN]:
        yield TRIED(
            app=app,
            protocol=event.protocol,
            host=event.host,
            port=event.port,
            attempts=event.attempts,
            first_s=event.first_s,
            last_s=event.last_s,
            names=event.names,
        )
    if (more := len(tried) - SHOWN) > 0:
        yield MORE(app=app, count=more)
