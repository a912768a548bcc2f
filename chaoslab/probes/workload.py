"""Sends requests to the app, as its users would."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter, defaultdict
from contextlib import closing
from functools import partial
from itertools import cycle
from random import Random

import httpx

from chaoslab.history.events import Request, RequestOutcome, RequestPurpose
from chaoslab.history.triggers import trigger_came
from chaoslab.model.plan import Plan
from chaoslab.model.requests import RequestContract
from chaoslab.probes.answers import Difference, difference, digest_of, message_of
from chaoslab.probes.base import NO_ANSWER, Watched, as_text, either, why_no_answer
from chaoslab.probes.connection_pool import ConnectionPool
from chaoslab.probes.lab_trouble import lab_trouble, note_lab_trouble
from chaoslab.probes.request import Connection, Message, Reply, ask
from chaoslab.seeds import fresh_seed, generator

PROOF_EVERY_S = 0.1
MOST_QUOTED = 2000  # bytes of a body that are looked at
MOST_READ = 200  # of the newest acknowledged writes, from which a read chooses


class Sender:
    """Sends the requests of an app, by their contracts. Each has its own id, drawn from the run's
    seed; a read of a write has the id of one that was acknowledged.

    For an attached app a new seed is used instead.
    """

    def __init__(self, watched: Watched, seed: int) -> None:
        self._watched = watched
        # The database of an attached app may hold the rows of an earlier run with the same seed.
        self._seed = fresh_seed() if watched.attached else seed
        self._random: dict[str, Random] = {}
        self._sent: set[str] = set()
        self._turns: Counter[str] = Counter()
        self._acknowledged: dict[str, list[str]] = defaultdict(list)
        for request in watched.journal.history.of(Request):  # of the boots before
            if request.app == watched.app.name:
                self._note(request)

    async def send(
        self,
        contract: RequestContract,
        *,
        timeout_s: float,
        purpose: RequestPurpose = "load",
        pool: ConnectionPool | None = None,
        op: str | None = None,
    ) -> Request | None:
        """Send one request and return its result. The result is recorded, unless the lab failed to
        send the request. None if it reads a write, and none was acknowledged yet. `op` is the id
        of the request, if it is not to be a new one.

        The request uses a new connection; with a `pool` it uses an idle connection of the pool, if
        there is one.
        """
        op = op or self._id_for(contract)
        if op is None:
            return None
        self._sent.add(op)
        user = self._user_of(contract)
        journal, message = self._watched.journal, message_of(contract, op, user)
        sent_s = journal.now()
        reply: Reply | None = None
        error: Exception | None = None
        connection = pool.take() if pool else None
        try:
            async with asyncio.timeout(timeout_s):
                reply = await self._reply(message, connection, pool)
        except NO_ANSWER as failure:
            error = failure
        took_s = journal.now() - sent_s
        found = self._difference(contract, reply, op)
        event = Request(
            at_s=sent_s,
            app=self._watched.app.name,
            op=op,
            outcome=_outcome(contract, reply, found, error),
            took_s=took_s,
            status_code=reply.status_code if reply else None,
            retry_after=reply is not None and "retry-after" in reply.headers,
            error=None if error is None else why_no_answer(error),
            answer=_quoted(reply) if reply else None,
            purpose=purpose,
            fresh=connection is None,
            request=contract.name,
            of_kind=contract.kind,
            digest=digest_of(reply.body) if reply and not reply.encoding else "",
            wrong=found.text if found else "",
            other=found.other if found else "",
            user=user,
        )
        if error is not None and (why := lab_trouble(error)):
            note_lab_trouble(journal, why)  # the app did not get it: it does not count
        else:
            journal.append(event)
            self._note(event)
        return event

    async def load(self, plan: Plan, number: int, over: asyncio.Event) -> None:
        """Run the plan's load of that number (from 0) at its rate, until its stop or `over` is set.

        Every second request uses a keep-alive connection, if one is idle: new connections reach
        every worker process behind a port, a kept connection stays with one of them. At the end it
        waits for the open requests, so that each has an outcome.
        """
        load, begins, ends = plan.load[number], f"load[{number}].start", f"load[{number}].stop"
        contract = self._watched.app.requests[load.request]
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
                    group.create_task(self.send(contract, timeout_s=load.waits_s, pool=next(pools)))
                    due_s += load.every_s
                    await asyncio.sleep(max(0.0, due_s - loop.time()))

    async def prove(self, within_s: float) -> Request | None:
        """Send the app's first write until one is acknowledged, and return that one. None if none
        was acknowledged within `within_s` seconds.
        """
        contract = self._watched.app.write
        assert contract is not None
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + within_s
        while loop.time() < deadline_s:
            limit_s = min(contract.timeout_s, within_s)
            proof = await self.send(contract, timeout_s=limit_s, purpose="proof")
            if proof is not None and proof.outcome == "ok":
                return proof
            await asyncio.sleep(PROOF_EVERY_S)
        return None

    def _id_for(self, contract: RequestContract) -> str | None:
        app, boot = self._watched.app.name, self._watched.boot
        random = self._random.get(contract.name)
        if random is None:
            random = generator(self._seed, "requests", app, boot, contract.name)
            self._random[contract.name] = random
        if contract.of:
            newest = self._acknowledged[contract.of][-MOST_READ:]
            return random.choice(newest) if newest else None
        return str(uuid.UUID(int=random.getrandbits(128)))

    def _user_of(self, contract: RequestContract) -> str:
        """The user who sends the next request, each in turn; empty if the request has no users."""
        if not contract.users:
            return ""
        turn = self._turns[contract.name]
        self._turns[contract.name] += 1
        return contract.users[turn % len(contract.users)]

    def _note(self, request: Request) -> None:
        self._sent.add(request.op)
        if request.outcome == "ok":
            self._acknowledged[request.request].append(request.op)

    async def _reply(
        self, message: Message, connection: Connection | None, pool: ConnectionPool | None
    ) -> Reply:
        if pool is not None:
            return await pool.ask(connection, message)
        return await ask(self._watched.running.endpoint, message)

    def _difference(
        self, contract: RequestContract, reply: Reply | None, op: str
    ) -> Difference | None:
        if reply is None or not contract.good.accepts(reply.status_code):
            return None
        return difference(contract.good, reply, op, lambda text: text != op and text in self._sent)


def _outcome(
    contract: RequestContract,
    reply: Reply | None,
    found: Difference | None,
    failure: Exception | None,
) -> RequestOutcome:
    if isinstance(failure, httpx.ConnectError):
        return "failed"  # it was not sent
    if reply is None:
        return "indeterminate"  # the write may have been stored
    if contract.good.accepts(reply.status_code):
        return "wrong" if found else "ok"
    unclear = reply.status_code >= 500 and reply.status_code != 503
    return "indeterminate" if unclear else "failed"


def _quoted(reply: Reply) -> str:
    """The beginning of an answer's body, on one line. An encoded body is not read."""
    if reply.encoding:
        return as_text(f"(content encoding {reply.encoding}: not read)")
    return as_text(" ".join(reply.body[:MOST_QUOTED].decode("utf-8", "replace").split()))
