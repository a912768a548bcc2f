"""The API under `/chaoslab`, which Toxiproxy does not have.

It has connect modes, the reading of messages, triggers, the connection log, and inert faults for
self-tests.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import parse_qs

from chaoslab.engine import wire
from chaoslab.engine.chunks import Direction
from chaoslab.engine.http_messages import Answer, Request
from chaoslab.engine.listener import ConnectMode
from chaoslab.engine.proxy import Connect, Established, Proxy
from chaoslab.engine.proxy_collection import ProxyCollection
from chaoslab.engine.routes import Route, route
from chaoslab.engine.toxic_collection import read_toxic
from chaoslab.engine.toxics.silence import AT_HEAL
from chaoslab.engine.toxiproxy_api import Handler, Names, body_of, errors_as_answers, json_answer
from chaoslab.engine.triggers import Trigger
from chaoslab.engine.wire import ApiError, Json

CAPABILITIES = (
    "connect.refused",
    "connect.dropped",
    "silence",
    "at_heal",
    "triggers",
    "connections",
    "reset_idle",
    "toxics_at_creation",
    "seed",
    "inert",
    "messages",
)

_DEFAULT_ESTABLISHED = {
    ConnectMode.ACCEPT: Established.KEEP,
    ConnectMode.REFUSED: Established.RESET,
    ConnectMode.DROPPED: Established.HOLD,
}

_Choice = TypeVar("_Choice", bound=enum.Enum)


class ChaoslabApi:
    """The handlers under `/chaoslab`: connect modes, messages, triggers, the connection log, and
    inert faults.

    An inert fault is set, but has no effect.
    """

    def __init__(self, proxies: ProxyCollection) -> None:
        self._proxies = proxies

    def routes(self) -> list[Route]:
        """The table of routes under `/chaoslab`, each with its handler."""
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/chaoslab", self.about),
            ("GET", "/chaoslab/connections", self.connections),
            ("GET", "/chaoslab/proxies/{proxy}", self.proxy_show),
            ("PUT", "/chaoslab/proxies/{proxy}/connect", self.connect),
            ("PUT", "/chaoslab/proxies/{proxy}/messages", self.messages),
            ("PUT", "/chaoslab/proxies/{proxy}/inert", self.inert),
            ("GET", "/chaoslab/proxies/{proxy}/triggers", self.trigger_index),
            ("POST", "/chaoslab/proxies/{proxy}/triggers", self.trigger_create),
            ("DELETE", "/chaoslab/proxies/{proxy}/triggers/{trigger}", self.trigger_delete),
        ]
        return [route(methods, path, errors_as_answers(call)) for methods, path, call in table]

    async def about(self, _request: Request, _names: Names) -> Answer:
        """Answer with the name, version, process id, seed and capabilities of the engine."""
        engine = self._proxies.engine
        unsupported = (
            {"connect.dropped": engine.dropped_unsupported} if engine.dropped_unsupported else {}
        )
        about: dict[str, object] = {
            "engine": "chaoslab",
            "version": _version(),
            "pid": os.getpid(),
            "seed": engine.seed,
            "capabilities": [name for name in CAPABILITIES if name not in unsupported],
        }
        if unsupported:
            about["unsupported"] = unsupported
        return json_answer(about)

    async def proxy_show(self, _request: Request, names: Names) -> Answer:
        """Answer with one proxy, its connect mode and its connection counts."""
        return json_answer(_shown(self._proxies.get(names["proxy"])))

    async def connect(self, request: Request, names: Names) -> Answer:
        """Put a connect mode in force, and answer with the proxy as it is then."""
        proxy = self._proxies.get(names["proxy"])
        proxy.set_connect(_read_connect(body_of(request)))
        return json_answer(_shown(proxy))

    async def messages(self, request: Request, names: Names) -> Answer:
        """Read the messages of a protocol on all later connections of a proxy, and answer with the
        proxy.
        """
        # Imported here: few engines read messages, and it would take a part of the start-up time.
        from chaoslab.engine.messages.dialects import DIALECTS  # noqa: PLC0415

        proxy = self._proxies.get(names["proxy"])
        protocol = wire.text_of(wire.members(body_of(request)), "protocol", "")
        if protocol not in DIALECTS:
            known = ", ".join(DIALECTS)
            raise ApiError(f"protocol: expected one of {known}; got {protocol[:80]!r}", 400)
        proxy.read_messages(protocol, DIALECTS[protocol])
        return json_answer(_shown(proxy))

    async def inert(self, request: Request, names: Names) -> Answer:
        """Replace the list of toxics that have no effect, and answer with the proxy.

        A gate's self-test uses it.
        """
        proxy = self._proxies.get(names["proxy"])
        toxics = wire.members(body_of(request)).get("toxics")
        if not isinstance(toxics, list) or not all(isinstance(name, str) for name in toxics):
            raise ApiError("missing required field: toxics (an array of names)", 400)
        proxy.set_inert_toxics(frozenset(map(str, toxics)))
        return json_answer(_shown(proxy))

    async def connections(self, request: Request, _names: Names) -> Answer:
        """Answer with the connection log: of proxy NAME with `?proxy=NAME`, ids above ID with
        `?since=ID`.
        """
        query = parse_qs(request.query)
        given = query.get("since", ["0"])[0]
        since = wire.digits(given)
        if since is None:
            raise ApiError(f"since: expected a connection id, got {given[:80]!r}", 400)
        proxy = query.get("proxy", [None])[0]
        records = self._proxies.engine.log.select(proxy, since)
        return json_answer({"connections": [record.as_json() for record in records]})

    async def trigger_index(self, _request: Request, names: Names) -> Answer:
        """Answer with the triggers of a proxy, fired or not."""
        triggers = self._proxies.get(names["proxy"]).triggers.by_name.values()
        return json_answer([trigger.as_json() for trigger in triggers])

    async def trigger_create(self, request: Request, names: Names) -> Answer:
        """Arm a trigger, and answer with it.

        The trigger is validated now, so that its actions can hardly fail later.
        """
        proxy = self._proxies.get(names["proxy"])
        members = wire.members(body_of(request))
        at = wire.int_of(members, "at_connection", 1)
        actions = members.get("actions")
        if at < 1:
            raise ApiError(f"at_connection: expected 1 or more, got {at}", 400)
        if not isinstance(actions, list) or not actions:
            raise ApiError("missing required field: actions (a non-empty array)", 400)
        name = wire.text_of(members, "name", "")
        trigger = Trigger(
            name=name or f"at_connection_{at}",
            proxy=proxy.name,
            at_connection=at,
            actions=[self._read_action(action) for action in actions],
            shown_actions=list(actions),
            armed_after=proxy.opened,
        )
        proxy.triggers.arm(trigger)
        return json_answer(trigger.as_json())

    async def trigger_delete(self, _request: Request, names: Names) -> Answer:
        """Disarm a trigger of a proxy."""
        self._proxies.get(names["proxy"]).triggers.disarm(names["trigger"])
        return Answer(status=204)

    def _read_action(self, value: Json) -> Callable[[], None]:
        members = wire.members(value, "an action")
        name = wire.text_of(members, "proxy", "")
        self._proxies.get(name)
        if ("connect" in members) == ("toxic" in members):
            raise ApiError("action: expected either 'connect' or 'toxic' beside 'proxy'", 400)
        if "connect" in members:
            connect = _read_connect(members["connect"])
            return lambda: self._proxies.get(name).set_connect(connect)
        toxic = read_toxic(members["toxic"])
        return lambda: self._proxies.get(name).add_toxic(toxic)


def _read_connect(value: Json) -> Connect:
    members = wire.members(value)
    mode = _choice(ConnectMode, "mode", wire.text_of(members, "mode", ""))
    default = _DEFAULT_ESTABLISHED[mode].value
    chosen = wire.text_of(members, "established", default)
    established = _choice(Established, "established", chosen)
    at_heal = wire.text_of(members, "at_heal", AT_HEAL[0])
    if at_heal not in AT_HEAL:
        known = ", ".join(AT_HEAL)
        raise ApiError(f"at_heal: expected one of {known}; got {at_heal!r}", 400)
    if at_heal != AT_HEAL[0] and established is not Established.HOLD:
        raise ApiError(f"at_heal: {at_heal!r} needs established 'hold'", 400)
    return Connect(
        mode=mode,
        established=established,
        at_heal=at_heal,
        inert=wire.flag_of(members, "inert", False),
    )


def _choice(kind: type[_Choice], field: str, value: str) -> _Choice:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(str(choice.value) for choice in kind)
        raise ApiError(f"{field}: expected one of {known}; got {value!r}", 400) from None


def _shown(proxy: Proxy) -> dict[str, object]:
    return {
        "name": proxy.name,
        "listen": proxy.listen.text,
        "upstream": proxy.upstream,
        "enabled": proxy.enabled,
        "connect": {
            "mode": proxy.connect.mode.value,
            "established": proxy.connect.established.value,
            "at_heal": proxy.connect.at_heal,
            "since_s": proxy.since_s,
            "syn_drops": proxy.syn_drops,
        },
        "messages": proxy.messages,
        "inert": {"connect": proxy.connect.inert, "toxics": sorted(proxy.inert_toxics)},
        "connections_opened": proxy.opened,
        "connections_open": len(proxy.connections),
        "connections_dead": len(proxy.dead),
        "received": {each.value: proxy.flow(each).received for each in Direction},
    }


def _version() -> str:
    # Imported here: at the top of the file it would take a tenth of the start-up time.
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        return version("chaoslab")
    except PackageNotFoundError:
        return "unknown"
