"""Sends writes to the app, as its users would."""

from __future__ import annotations

import asyncio
import json
import uuid
from contextlib import closing
from functools import partial
from itertools import cycle

import httpx

from chaoslab.history.events import Write, WriteOutcome, WritePurpose
from chaoslab.history.triggers import trigger_came
from chaoslab.model.placeholders import fill
from chaoslab.model.plan import Plan
from chaoslab.model.topology import WriteContract
from chaoslab.probes.base import NO_ANSWER, Watched, as_text, either, why_no_answer
from chaoslab.probes.connection_pool import ConnectionPool
from chaoslab.probes.lab_trouble import lab_trouble, note_lab_trouble
from chaoslab.probes.request import Connection, Reply, ask
from chaoslab.seeds import fresh_seed, generator

PROOF_EVERY_S = 0.1


class Writer:
    """Sends writes by an app's write contract. Each write has its own id, drawn from the run's
    seed.

    For an attached app a new seed is used instead.
    """

    def __init__(self, watched: Watched, seed: int) -> None:
        assert watched.app.writes is not None
        self._watched = watched
        self._contract: WriteContract = watched.app.writes
        # The database of an attached app may hold the rows of an earlier run with the same seed.
        seed = fresh_seed() if watched.attached else seed
        self._random = generator(seed, "writes", watched.app.name, watched.boot)

    async def write(
        self,
        *,
        timeout_s: float,
        purpose: WritePurpose = "load",
        pool: ConnectionPool | None = None,
    ) -> Write:
        """Send one write and return its result. The result is recorded, unless the lab failed to
        send the write.

        The write uses a new connection; with a `pool` it uses an idle connection of the pool, if
        there is one.
        """
        journal, op = self._watched.journal, str(uuid.UUID(int=self._random.getrandbits(128)))
        sent_s = journal.now()
        code: int | None = None
        error: Exception | None = None
        answer: str | None = None
        retry_after = False
        connection = pool.take() if pool else None
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._send(op, connection, pool)
            code, retry_after = response.status_code, "retry-after" in response.headers
            answer = None if response.is_success else _quoted(response)
        except NO_ANSWER as failure:
            error = failure
        event = Write(
            at_s=sent_s,
            app=self._watched.app.name,
            op=op,
            outcome=_outcome(code, error),
            took_s=journal.now() - sent_s,
            status_code=code,
            retry_after=retry_after,
            error=None if error is None else why_no_answer(error),
            answer=answer,
            purpose=purpose,
            fresh=connection is None,
        )
        if error is not None and (why := lab_trouble(error)):
            note_lab_trouble(journal, why)  # the app did not get it: it does not count as a write
        else:
            journal.append(event)
        return event

    async def _send(
        self, op: str, connection: Connection | None, pool: ConnectionPool | None
    ) -> Reply:
        contract, values = self._contract, {"id": op}
        body = {key: fill(text, values) for key, text in contract.create_body.items()}
        path = fill(contract.create_path, values)
        json_body = json.dumps(body).encode()
        if pool is not None:
            return await pool.ask(connection, path, method="POST", json_body=json_body)
        return await ask(self._watched.running.endpoint, path, method="POST", json_body=json_body)

    async def load(self, plan: Plan, number: int, over: asyncio.Event) -> None:
        """Run the plan's load of that number (from 0) at its rate, until its stop or `over` is set.

        Every second write uses a keep-alive connection, if one is idle: new connections reach every
        worker process behind a port, a kept connection stays with one of them. At the end it waits
        for the open requests, so that each has an outcome.
        """
        load, begins, ends = plan.load[number], f"load[{number}].start", f"load[{number}].stop"
        wait_for = partial(trigger_came, plan=plan, journal=self._watched.journal)
        started = await either(wait_for(begins, load.start), over.wait())
        if not started or over.is_set():
            return
        with closing(ConnectionPool(self._watched.running.endpoint)) as pool:
            async with asyncio.TaskGroup() as group:
                stop = over.wait() if load.stop is None else wait_for(ends, load.stop)
                end = group.create_task(either(stop, over.wait()))
                loop = asyncio.get_running_loop()
                due_s, pools = loop.time(), cycle((None, pool))
                while not end.done():
                    group.create_task(self.write(timeout_s=load.timeout_s, pool=next(pools)))
                    due_s += 1.0 / load.rate_per_s
                    await asyncio.sleep(max(0.0, due_s - loop.time()))

    async def prove(self, within_s: float) -> Write | None:
        """Send writes until one is acknowledged, and return that one. None if none was acknowledged
        within `within_s` seconds.
        """
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + within_s
        while loop.time() < deadline_s:
            proof = await self.write(timeout_s=min(2.0, within_s), purpose="proof")
            if proof.outcome == "ok":
                return proof
            await asyncio.sleep(PROOF_EVERY_S)
        return None


def _outcome(code: int | None, failure: Exception | None) -> WriteOutcome:
    if isinstance(failure, httpx.ConnectError):
        return "failed"  # it was not sent
    if code is None or (code >= 500 and code != 503):
        return "indeterminate"  # the write may have been stored
    return "ok" if 200 <= code < 300 else "failed"


def _quoted(reply: Reply) -> str:
    """The beginning of an answer's body, on one line. An encoded body is not read."""
    if reply.encoding:
        return as_text(f"(content encoding {reply.encoding}: not read)")
    return as_text(" ".join(reply.text.split()))
