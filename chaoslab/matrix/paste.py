"""What a person needs to look inside a lab: addresses, and lines that can be pasted. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from chaoslab.lab.inside import Inside, ServiceInside
from chaoslab.model.requests import RequestContract
from chaoslab.probes.answers import message_of
from chaoslab.probes.request import Message
from chaoslab.services import kind_of
from chaoslab.services.keys import OWN
from chaoslab.services.urls import password_of

AN_ID = "00000000-0000-4000-8000-000000000000"  # of a request that has one
FORWARDED = (
    "the app has a network of its own: its address, and those under the fault, are forwarded there;"
    " a refused connect is a reset here"
)
NOTICED = (
    "on this runtime the lab cannot distinguish a session without the fault from one of the app:"
    " each makes a PASS of this cell UNKNOWN"
)
API = "read only: a change there is not in the history, and the verdicts would be wrong"


def pasted(inside: Inside, here: Path, *, secrets: bool) -> Iterator[str]:
    """Yields the addresses, and then lines to paste. Paths are relative to the folder `here`.

    With `secrets`, which is for a terminal, headers of the topology are shown, and passwords of
    servers that the lab has started: nobody can connect without them, and they open only servers
    that end with the run. Else they are masked, except for the password that the lab
    itself chooses. That of a server that the lab has not started is always masked.
    """
    yield from _addresses(inside, here, secrets=secrets)
    yield ""
    for line in _of_app(inside):
        yield line if secrets else inside.mask.text(line)
    for under in (False, True):
        if lines := list(_of_services(inside, under=under, secrets=secrets)):
            if any(each.through for each in inside.services):
                yield "under the fault:" if under else "without the fault:"
            yield from lines
    yield "the proxies, and the app's log:"
    yield f"curl {inside.api}/proxies"
    yield shlex.join(("tail", "-f", str(inside.log)))


def _addresses(inside: Inside, here: Path, *, secrets: bool) -> Iterator[str]:
    for name, address in inside.ports.items():
        yield f"{inside.app.name}{f', port {name}' if name else ''}: http://{address}"
    for each in inside.services:
        clear = ", without the fault" if each.through else ""
        for url, where in ((each.direct, clear), (each.through, ", under the fault")):
            if url:
                shown = _shown(each, url, url, inside, secrets=secrets)
                yield f"{each.service.name}{where}: {shown}"
    yield f"the API of the proxies: {inside.api} ({API})"
    log = inside.log.relative_to(here) if inside.log.is_relative_to(here) else inside.log
    yield f"the log of {inside.app.name}: {log}"
    if inside.forwarded:
        yield FORWARDED
    if inside.noticed:
        yield NOTICED


def _of_app(inside: Inside) -> Iterator[str]:
    health = inside.app.health
    headers = tuple(health.headers.items())
    for path in dict.fromkeys((health.path, health.live_path, health.ready_path)):
        if path is not None:
            yield _curl(Message(path=path, headers=headers), inside.ports[health.port])
    for contract in inside.app.requests.values():
        if _is_plain(contract):
            message = message_of(contract, AN_ID, next(iter(contract.users), ""))
            yield _curl(message, inside.ports[""])


def _of_services(inside: Inside, *, under: bool, secrets: bool) -> Iterator[str]:
    for each in inside.services:
        client, url = kind_of(each.service.kind).client, each.through if under else each.direct
        if client is not None and url:
            yield _shown(each, url, shlex.join(client(url)), inside, secrets=secrets)


def _curl(message: Message, address: str) -> str:
    words = ["curl", "-i"]
    if message.method != ("GET" if message.body is None else "POST"):
        words += ["-X", message.method]
    for name, value in message.headers:
        words += ["-H", f"{name}: {value}"]
    if message.body is not None:
        words += ["--data-raw", message.body.decode()]
    return shlex.join((*words, f"http://{address}{message.path}"))


def _is_plain(contract: RequestContract) -> bool:
    """Whether the request needs nothing of another one: a read of a write needs its id."""
    return contract.method in ("GET", "POST") and not contract.of


def _shown(each: ServiceInside, url: str, text: str, inside: Inside, *, secrets: bool) -> str:
    """The text, which has the URL or its parts."""
    plain = each.ours and (secrets or password_of(url) in ("", OWN))
    return text if plain else inside.mask.text(text)
