"""The jobs of one request in a run: which were sent, and which of them wait for their delivery."""

from __future__ import annotations

import math

from chaoslab.evidence.delivery import jobs_of
from chaoslab.history.events import Delivered, Request
from chaoslab.history.journal import Journal
from chaoslab.model.requests import Found, RequestContract
from chaoslab.model.topology import App


class Jobs:
    """The jobs of one request. `sent` maps the id of each to the user who sent it (empty if the
    request has no users); `waiting` maps the id of each that was acknowledged, and is not delivered
    yet, to its request. Both are as of the last call of `note`.
    """

    def __init__(
        self, app: App, contract: RequestContract, within_s: float, journal: Journal
    ) -> None:
        assert contract.found is not None, "a job has a place where it is found"
        self.app, self.contract, self.journal = app, contract, journal
        self.place: Found = contract.found
        self.sent: dict[str, str] = {}
        self.waiting: dict[str, Request] = {}
        self.were_acknowledged = False
        self._within_s = within_s
        self._read = 0  # events of the journal

    def note(self) -> list[Request]:
        """Note the jobs that were sent since the last call. Returns those that the app
        acknowledged.
        """
        new = self.journal.events_from(self._read)
        self._read += len(new)
        mine = (self.app.name, self.contract.name, "load")
        requests = [event for event in new if isinstance(event, Request)]
        sent = [each for each in requests if (each.app, each.request, each.purpose) == mine]
        acknowledged = [each for each in sent if each.outcome == "ok"]
        self.sent |= {each.op: each.user for each in sent}
        self.waiting |= {each.op: each for each in acknowledged}
        self.were_acknowledged |= bool(acknowledged)
        return acknowledged

    def record(self, op: str, at_s: float, not_before_s: float, times: int) -> None:
        """Record that a job was delivered between these two times, so often."""
        self.waiting.pop(op, None)
        self.journal.append(
            Delivered(
                at_s=at_s,
                app=self.app.name,
                request=self.contract.name,
                op=op,
                not_before_s=not_before_s,
                times=times,
            )
        )

    def may_come(self) -> bool:
        """Whether a job waits whose time is not over, and will be."""
        now_s, startup_s = self.journal.now(), self.app.deadlines.startup_s
        waiting, history = [*self.waiting.values()], self.journal.history
        jobs = jobs_of(self.app.name, waiting, self._within_s, startup_s, history)
        return any(job.clock.end_s < math.inf and not job.is_over(now_s) for job in jobs)
