"""Removes everything in a container engine that has a session's label.

The dead-man's switch of a session (`machine/deadman.py`) runs it in a process of its own. So it
uses the engine's HTTP API directly and imports nothing of chaoslab.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
import urllib.parse
from collections.abc import Sequence
from typing import NamedTuple

SESSION = "org.chaoslab.session"
TIMEOUT_S = 20.0
# Rounds while the owner waits (about 3 s of pauses), and rounds after that (about a minute): a
# restart of the engine takes seconds.
PATIENCE = 7
LIMIT_ROUNDS = 64
# A request of the owner that was not finished when it died may still make something.
MORE_LOOKS_S = (0.5, 2.0)
_LISTS = {"container": "/containers/json?all=1", "network": "/networks", "volume": "/volumes"}
_DELETES = {
    "container": "/containers/{}?force=1&v=1",
    "network": "/networks/{}",
    "volume": "/volumes/{}?force=1",
}
KINDS = tuple(_LISTS)


class EngineError(Exception):
    """The engine gave no answer, or answered with an error; the text says which."""


class Thing(NamedTuple):
    """A container, network or volume that the engine holds."""

    kind: str
    id: str
    name: str
    labels: dict[str, str]

    def __hash__(self) -> int:
        """A hash of kind and id, since the labels are a dict, which cannot be hashed."""
        return hash((self.kind, self.id))


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path, self._timeout_s = path, timeout_s

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self._timeout_s)
        self.sock.connect(self._path)


class Engine:
    """A client of a container engine.

    Its URL is `unix:///path`, `tcp://host:port` or `https://host:port`. For TLS, `certificates` is
    the folder of ca.pem, cert.pem and key.pem. Every call has its own connection, so several
    threads may call.
    """

    def __init__(self, url: str, *, certificates: str = "", timeout_s: float = TIMEOUT_S) -> None:
        self._url, self._certificates, self._timeout_s = url, certificates, timeout_s

    def call(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        """Send one request; returns the status and the body of the answer.

        Raises EngineError if there is no answer.
        """
        connection = self._connection()
        try:
            headers = {"Content-Type": "application/json"} if body else {}
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise EngineError(f"{self._url}: {error or type(error).__name__}") from error
        finally:
            connection.close()

    def read(self, path: str) -> bytes:
        """The body of the answer to a GET request. Raises EngineError if its status is not 200."""
        status, body = self.call("GET", path)
        if status != 200:
            raise EngineError(f"{self._url}{path}: {status} {body[:300].decode(errors='replace')}")
        return body

    def things(self, kind: str, label: str) -> list[Thing]:
        """All things of that kind in the engine that have a label, running or stopped.

        `label` is `name` or `name=value`. `kind` is one of KINDS.
        """
        path = _LISTS[kind]
        query = urllib.parse.urlencode({"filters": json.dumps({"label": [label]})})
        listed = json.loads(self.read(f"{path}{'&' if '?' in path else '?'}{query}"))
        if kind == "volume" and isinstance(listed, dict):
            listed = listed.get("Volumes") or []
        if not isinstance(listed, list):
            raise EngineError(f"{self._url}{path}: not an answer of a container engine")
        return [_thing(kind, each) for each in listed if isinstance(each, dict)]

    def remove(self, thing: Thing) -> str:
        """Remove a thing from the engine; returns why it still exists, or the empty string.

        A container's anonymous volumes are removed too. If the engine refuses to remove a network,
        its containers are disconnected, and the removal is tried once more.
        """
        path = _DELETES[thing.kind].format(urllib.parse.quote(thing.id, safe=""))
        status, answer = self.call("DELETE", path)
        if status == 403 and thing.kind == "network":
            self._disconnect_all(thing.id)
            status, answer = self.call("DELETE", path)
        # Gone, or another process removes it now.
        if status < 300 or status == 404 or b"already in progress" in answer:
            return ""
        return f"{status} {answer[:300].decode(errors='replace').strip()}"

    def _disconnect_all(self, network: str) -> None:
        # Containers of others may have joined; a crashed engine may list containers that are gone.
        for container in json.loads(self.read(f"/networks/{network}")).get("Containers") or {}:
            body = json.dumps({"Container": container, "Force": True})
            self.call("POST", f"/networks/{network}/disconnect", body)

    def _connection(self) -> http.client.HTTPConnection:
        parts = urllib.parse.urlsplit(self._url)
        if parts.scheme == "unix":
            return _UnixConnection(parts.path, self._timeout_s)
        host, port = parts.hostname or "localhost", parts.port
        if parts.scheme != "https" and not self._certificates:
            return http.client.HTTPConnection(host, port or 2375, timeout=self._timeout_s)
        import ssl  # noqa: PLC0415  (15 ms, and few need it)

        trust = ssl.create_default_context()
        if folder := self._certificates:
            trust.load_verify_locations(f"{folder}/ca.pem")
            trust.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
        return http.client.HTTPSConnection(
            host, port or 2376, timeout=self._timeout_s, context=trust
        )


def _thing(kind: str, listed: dict[str, object]) -> Thing:
    names = listed.get("Names")
    first = names[0] if isinstance(names, list) and names else listed.get("Name", "")
    labels = listed.get("Labels")
    return Thing(
        kind=kind,
        id=str(listed.get("Id") or listed.get("Name")),
        name=str(first).lstrip("/"),
        labels=dict(labels) if isinstance(labels, dict) else {},
    )


def remove_all(engine: Engine, things: list[Thing]) -> dict[Thing, str]:
    """Remove things from the engine. Returns a mapping of each thing that still exists to the
    reason.

    Containers are removed first, since networks and volumes can be removed only without them.
    Things of one kind are removed at once.
    """
    left: dict[int, str] = {}
    numbered = list(enumerate(things))

    def remove(number: int, thing: Thing) -> None:
        try:
            why = engine.remove(thing)
        except (EngineError, ValueError) as error:
            why = str(error)
        if why:
            left[number] = why

    for kind in KINDS:
        threads = [
            threading.Thread(target=remove, args=each, daemon=True)
            for each in numbered
            if each[1].kind == kind
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return {things[number]: why for number, why in left.items()}


def sweep(engine: Engine, session: str) -> str:
    """Try once to remove everything of a session; returns what still exists and why, or the empty
    text.
    """
    label = f"{SESSION}={session}"
    try:
        there = [thing for kind in KINDS for thing in engine.things(kind, label)]
        left = remove_all(engine, there)
        still = {thing for kind in KINDS for thing in engine.things(kind, label)}
    except (EngineError, ValueError) as error:
        return str(error)
    reasons = {(thing.kind, thing.id): why for thing, why in left.items()}
    return "; ".join(
        f"{thing.kind} {thing.name}: {reasons.get((thing.kind, thing.id), 'made meanwhile')}"
        for thing in still
    )


def sweep_until_gone(engine: Engine, session: str, *, rounds: int = PATIENCE) -> str:
    """Call `sweep` until nothing is left, at most `rounds` times; returns what the last call
    returned.
    """
    for number in range(rounds):
        if number:
            time.sleep(min(0.05 * 2**number, 1.0))
        if not (left := sweep(engine, session)):
            break
    return left


def clean_up(words: Sequence[str], lines: Sequence[str], *, again: bool) -> str:
    """Remove everything of a session; returns what is left and why. `deadman.py` calls it.

    `words` are the session, the engine's URL and the folder of its certificates. With `again`, it
    tries for about a minute, else about 3 s. `lines` is not used.
    """
    del lines
    session, url, certificates = words
    engine = Engine(url, certificates=certificates)
    return sweep_until_gone(engine, session, rounds=LIMIT_ROUNDS if again else PATIENCE)
