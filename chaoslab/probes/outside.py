"""Records which addresses outside the lab the apps tried, where these are unreachable."""

from __future__ import annotations

from chaoslab.clock import now_s
from chaoslab.history.events import TriedOutside, UncountedOutside
from chaoslab.history.journal import Journal
from chaoslab.runtimes.base import OutsideWatch


async def record_attempts(watch: OutsideWatch, journal: Journal) -> None:
    """Append a TriedOutside for each address that an app has tried since the lab began, and an
    UncountedOutside if there was more.
    """
    ago_s = now_s() - journal.now()
    seen = await watch.seen()
    for each in seen.attempts:
        journal.append(
            TriedOutside(
                at_s=journal.now(),
                app=each.app,
                protocol=each.protocol,
                host=each.host,
                port=each.port,
                attempts=each.count,
                first_s=each.first_s - ago_s,
                last_s=each.last_s - ago_s,
                names=each.names,
            )
        )
    if seen.uncounted:
        journal.append(UncountedOutside(at_s=journal.now(), packets=seen.uncounted))
