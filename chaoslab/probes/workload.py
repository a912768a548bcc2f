"""Writes through the app, as its users would make them."""

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
from chaoslab.probes.kept_lines import KeptLines
from chaoslab.probes.own_trouble import note_own_trouble, own_trouble
from chaoslab.probes.request import Line, Reply, ask
from chaoslab.seeds import fresh_seed, generator

PROOF_EVERY_S = 0.1


class Writer:
    """Sends writes through an app's contract; each has an id of its own, drawn from the seed, or,
    for an app that stood already, from a fresh one.
    """

    def __init__(self, watched: Watched, seed: int) -> None:
        assert watched.app.writes is not None
        self._watched = watched
        self._contract: WriteContract = watched.app.writes
        # A database that stood already may hold the rows of an earlier run with the same seed.
        seed = fresh_seed() if watched.standing else seed
        self._random = generator(seed, "writes", watched.app.name, watched.boot)

    async def write(
        self,
        *,
        timeout_s: float,
        purpose: WritePurpose = "load",
        kept: KeptLines | None = None,
    ) -> Write:
        """Send one write and write down what came of it, unless the lab could not send it.

        On a connection of its own; with `kept` on one that waits there, where one does.
        """
        journal, op = self._watched.journal, str(uuid.UUID(int=self._random.getrandbits(128)))
        sent_s = journal.now()
        code: int | None = None
        error: Exception | None = None
        said: str | None = None
        retry_after = False
        line = kept.take() if kept else None
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._send(op, line, kept)
            code, retry_after = response.status_code, "retry-after" in response.headers
            said = None if response.is_success else _said(response)
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
            said=said,
            purpose=purpose,
            fresh=line is None,
        )
        if error is not None and (why := own_trouble(error)):
            note_own_trouble(journal, why)  # the app was never asked: it is no write of anybody's
        else:
            journal.append(event)
        return event

    async def _send(self, op: str, line: Line | None, kept: KeptLines | None) -> Reply:
        contract, values = self._contract, {"id": op}
        body = {key: fill(text, values) for key, text in contract.create_body.items()}
        path = fill(contract.create_path, values)
        told = json.dumps(body).encode()
        if kept is not None:
            return await kept.ask(line, path, method="POST", json_body=told)
        return await ask(self._watched.running.endpoint, path, method="POST", json_body=told)

    async def load(self, plan: Plan, number: int, over: asyncio.Event) -> None:
        """Write as the plan's load of that number, from 0, asks: at its rate, each request when it
        is due, until its end or `over` is set.

        Every second one goes on a connection that was kept alive, where there is one: behind one
        port, fresh connections reach every worker, and a kept one stays with its own.
        Requests under way are then waited for, so that each has an outcome.
        """
        load, begins, ends = plan.load[number], f"load[{number}].start", f"load[{number}].stop"
        wait_for = partial(trigger_came, plan=plan, journal=self._watched.journal)
        started = await either(wait_for(begins, load.start), over.wait())
        if not started or over.is_set():
            return
        with closing(KeptLines(self._watched.running.endpoint)) as lines:
            async with asyncio.TaskGroup() as group:
                stop = over.wait() if load.stop is None else wait_for(ends, load.stop)
                end = group.create_task(either(stop, over.wait()))
                loop = asyncio.get_running_loop()
                due_s, each = loop.time(), cycle((None, lines))
                while not end.done():
                    group.create_task(self.write(timeout_s=load.timeout_s, kept=next(each)))
                    due_s += 1.0 / load.rate_per_s
                    await asyncio.sleep(max(0.0, due_s - loop.time()))

    async def prove(self, within_s: float) -> Write | None:
        """Write until one is acknowledged; None where none was within `within_s` seconds."""
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
        return "failed"  # it was never sent
    if code is None or (code >= 500 and code != 503):
        return "indeterminate"  # no answer, or one that does not say that nothing was kept
    return "ok" if 200 <= code < 300 else "failed"


def _said(reply: Reply) -> str:
    """The beginning of a body, on one line; not of one that would have to be unpacked."""
    if reply.encoding:
        return as_text(f"(content encoding {reply.encoding}: not read)")
    return as_text(" ".join(reply.text.split()))
