"""Finds containers, networks, volumes and images that dead labs left in the engine."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from typing import NamedTuple
from urllib.parse import quote

from chaoslab.agent import build_context
from chaoslab.errors import RuntimeUnavailable
from chaoslab.runtimes.containers import labels
from chaoslab.runtimes.containers.address import engine_address
from chaoslab.runtimes.containers.engine_problems import no_engine
from chaoslab.runtimes.containers.images import AGENT
from chaoslab.runtimes.containers.labels import owner_lives
from chaoslab.runtimes.containers.sweeper import KINDS, Engine, EngineError, Thing
from chaoslab.runtimes.leftovers import Found, Leftover


class _Image(NamedTuple):
    id: str
    names: tuple[str, ...]


def find(*, images: bool = False, session: str = "") -> Found:
    """Find everything in the engine that dead labs left. With `images`, superseded images of the
    agent too.

    Things of running labs, and of labs that cannot be checked from here, are not leftovers; notes
    mention them. An engine that does not answer is noted too. `session` names a session of a lab on
    another host that the user knows to be dead.
    """
    found = Found()
    try:
        address = engine_address()
        engine = Engine(address.url, certificates=address.certificates)
        _find_things(engine, found, session)
        if images:
            found.leftovers += [_image_leftover(engine, each) for each in _superseded(engine)]
    except RuntimeUnavailable as error:
        found.notes.append(f"containers not checked: {error}")
    except EngineError as error:
        found.notes.append(f"containers not checked: {no_engine(address, error)}")
    return found


def _find_things(engine: Engine, found: Found, session: str) -> None:
    kept: Counter[tuple[str, str]] = Counter()
    for kind in KINDS:
        for thing in engine.things(kind, labels.SESSION):
            lives = owner_lives(thing.labels)
            known_dead = bool(session) and thing.labels.get(labels.SESSION) == session
            if lives is False or (lives is None and known_dead):
                found.leftovers.append(_leftover(engine, thing))
            else:
                kept[kind, _owner(thing, lives)] += 1
    found.notes += [
        f"left alone: {number} {kind}{'s' * (number > 1)} of {owner}"
        for (kind, owner), number in sorted(kept.items())
    ]


def _owner(thing: Thing, lives: bool | None) -> str:
    session, pid = thing.labels.get(labels.SESSION), thing.labels.get(labels.PID)
    if lives:
        return f"a running lab (process {pid})"
    return (
        f"a lab on another host ({thing.labels.get(labels.HOST)}; if it no longer runs: "
        f"`chaoslab clean --session {session}`)"
    )


def _leftover(engine: Engine, thing: Thing) -> Leftover:
    values = thing.labels
    role = values.get(labels.ROLE, "")
    return Leftover(
        what=f"{thing.kind} {thing.name}{f' ({role})' * bool(role)} of session "
        f"{values.get(labels.SESSION)} (process {values.get(labels.PID)} no longer runs)",
        remove=partial(engine.remove, thing),
        turn=KINDS.index(thing.kind),
    )


def _superseded(engine: Engine) -> list[_Image]:
    current = f"{AGENT}:{build_context.content_hash()}"
    query = quote(json.dumps({"reference": [AGENT]}))
    listed = json.loads(engine.read(f"/images/json?filters={query}"))
    there = [_Image(str(each["Id"]), tuple(each["RepoTags"] or ())) for each in listed]
    return [image for image in there if current not in image.names]


def _image_leftover(engine: Engine, image: _Image) -> Leftover:
    name = image.names[0] if image.names else image.id

    def remove() -> str:
        # Without force, so that an image that a container uses stays.
        status, answer = engine.call("DELETE", f"/images/{quote(name, safe='')}")
        return "" if status in (200, 404) else answer.decode(errors="replace").strip()

    return Leftover(what=f"image {name}, superseded", remove=remove, turn=len(KINDS))
