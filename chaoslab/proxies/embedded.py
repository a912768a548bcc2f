"""Controls the embedded engine, by Toxiproxy's API and by the engine's additional API."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

from chaoslab.errors import ErrorCode, FaultUnsupported, InjectionFailed, Problem
from chaoslab.model.actions import (
    Action,
    AddToxic,
    AtHeal,
    Capability,
    ConnectPhase,
    Disable,
    at_heal_of,
)
from chaoslab.proxies.base import (
    ConnectionRecord,
    MessageRecord,
    ToxicEffect,
    Traffic,
    TriggerState,
)
from chaoslab.proxies.strict_http import REFUSED
from chaoslab.proxies.toxiproxy import ToxiproxyControl

NO_TRIGGER = ErrorCode(
    "proxy.no_trigger",
    "no trigger {trigger} on {proxy}",
    "The engine does not have the trigger that was armed, or reports an error of it.",
)
CONNECTS_DIFFER = ErrorCode(
    "proxy.connects_differ",
    "proxy {proxy}: its connects are not in the requested state",
    "The engine did not change how a proxy treats connects, or does not report the change.",
)
NO_SYN_DROP = ErrorCode(
    "proxy.no_syn_drop",
    "cannot drop connects here: {cause}",
    "This platform cannot drop SYN packets.",
)
NO_DISABLE_BY_TRIGGER = ErrorCode(
    "proxy.no_disable_by_trigger",
    "a trigger cannot disable a proxy",
    "An action of a trigger would disable a proxy, which the engine's triggers cannot do.",
)
HEAL_DIFFERS = ErrorCode(
    "proxy.heal_differs",
    "proxy {proxy}: {connections} connections that the fault held are not {expected} after the"
    " heal",
    "The engine did not reset, or did not leave dead, all connections that a fault held.",
)
MESSAGES_UNREAD = ErrorCode(
    "proxy.messages_unread",
    "proxy {proxy}: the engine does not read its messages",
    "The engine did not start to read the messages of a protocol, or does not report it.",
)
OLD_ENGINE = ErrorCode(
    "proxy.old_engine",
    "this engine cannot heal with at_heal='{at_heal}'",
    "The engine is of an older version, whose heals always resume what they held.",
)
_CAPABILITIES: dict[str, Capability] = {
    "connect.refused": "connect",
    "connect.dropped": "connect.dropped",
    "silence": "silence",
    "at_heal": "at_heal",
    "triggers": "triggers",
    "connections": "connections",
    "messages": "messages",
}
_HEALS: dict[AtHeal, str] = {"resume": "deliver", "reset": "reset", "dead": "dead"}


def command(
    port: int, *, seed: int, last_messages: str, listen_through: int | None = None
) -> tuple[str, ...]:
    """The command line of a proxy engine with its API on `port`. The engine ends if its stdin is
    closed.

    The engine's proxies listen on ::1 too, so that an app that connects there does not avoid a
    fault. `listen_through` is a descriptor from which the engine gets the sockets of its proxies.
    """
    where = ("--host", "127.0.0.1", "--port", str(port), "--both-loopbacks")
    how: tuple[str, ...] = ("--seed", str(seed), "--last-messages", last_messages, "--until-eof")
    if listen_through is not None:
        how += ("--listen-through", str(listen_through))
    return (sys.executable, "-m", "chaoslab.engine", *where, *how)


class EmbeddedControl(ToxiproxyControl):
    """Controls the lab's own engine, `chaoslab.engine`: Toxiproxy's API, and the engine's
    additional API.
    """

    name = "embedded"

    def __init__(
        self, host: str, port: int, *, listen_host: str = "127.0.0.1", prefix: str = ""
    ) -> None:
        super().__init__(host, port, listen_host=listen_host, prefix=prefix)
        self._inert: dict[str, set[str]] = {}

    async def connect(self, within_s: float, *, check: Callable[[], None] = lambda: None) -> None:
        await super().connect(within_s, check=check)
        about = await self._call(lambda: self._get("/chaoslab"))
        self.capabilities = frozenset(
            ours for theirs, ours in _CAPABILITIES.items() if theirs in about["capabilities"]
        )
        self._unsupported: dict[str, str] = about.get("unsupported", {})

    async def read_messages(self, proxy: str, protocol: str) -> None:
        path = f"/chaoslab/proxies/{quote(proxy)}"
        await self._call(lambda: self._send("put", f"{path}/messages", {"protocol": protocol}))
        about = await self._call(lambda: self._get(path))
        if about.get("messages") != protocol:
            reason = MESSAGES_UNREAD(proxy=proxy)
            raise InjectionFailed(Problem(reason=reason, expected=protocol))

    async def arm(self, trigger: str, proxy: str, n: int, actions: tuple[Action, ...]) -> None:
        for toxic in (action for action in actions if isinstance(action, AddToxic)):
            await self._call(partial(self._announce, toxic))
        body = {"name": trigger, "at_connection": n, "actions": [_as_json(a) for a in actions]}
        path = f"/chaoslab/proxies/{quote(proxy)}/triggers"
        await self._call(lambda: self._send("post", path, body))
        if (await self.trigger(trigger, proxy)).error:
            raise InjectionFailed(Problem(reason=NO_TRIGGER(trigger=trigger, proxy=proxy)))

    async def trigger(self, trigger: str, proxy: str) -> TriggerState:
        rows = await self._call(lambda: self._get(f"/chaoslab/proxies/{quote(proxy)}/triggers"))
        for row in rows:
            if row["name"] == trigger:
                return TriggerState(fired_s=row["fired_s"], error=row["error"])
        raise InjectionFailed(Problem(reason=NO_TRIGGER(trigger=trigger, proxy=proxy)))

    async def disarm(self, trigger: str, proxy: str) -> None:
        path = f"/chaoslab/proxies/{quote(proxy)}/triggers/{quote(trigger)}"
        await self._call(lambda: self._http.delete(self.base_url + path))

    async def syn_drops(self, proxy: str) -> int | None:
        about = await self._call(lambda: self._get(f"/chaoslab/proxies/{quote(proxy)}"))
        drops: int | None = about["connect"]["syn_drops"]
        return drops

    async def traffic(self, proxy: str) -> Traffic | None:
        about = await self._call(lambda: self._get(f"/chaoslab/proxies/{quote(proxy)}"))
        received = about.get("received")
        if received is None:  # an external engine may be older
            return None
        return Traffic(bytes_upstream=received["upstream"], bytes_downstream=received["downstream"])

    async def connections(self, proxy: str) -> tuple[ConnectionRecord, ...]:
        answer = await self._call(lambda: self._get(f"/chaoslab/connections?proxy={quote(proxy)}"))
        return tuple(_record(row) for row in answer["connections"])

    def check(self, action: Action) -> None:
        if (at_heal := at_heal_of(action)) != "resume" and "at_heal" not in self.capabilities:
            reason = OLD_ENGINE(at_heal=at_heal)
            raise FaultUnsupported(Problem(reason=reason, fix="update that engine"))
        drops = isinstance(action, ConnectPhase) and action.mode == "dropped"
        if drops and "connect.dropped" not in self.capabilities:
            why = self._unsupported.get("connect.dropped", "this platform cannot drop SYNs")
            raise FaultUnsupported(Problem(reason=NO_SYN_DROP(cause=why)))

    def check_triggers(self) -> None:
        """Do nothing: the engine supports triggers."""

    async def undo(self, action: Action) -> None:
        """Undo an action, and check that the connections that it held are reset, or dead, if the
        action has such a heal.
        """
        if isinstance(action, Disable) or action.at_heal == "resume":
            await super().undo(action)
            return
        held = {c.id for c in await self.connections(action.proxy) if _is_held(c, action)}
        await super().undo(action)
        left = [
            c for c in await self.connections(action.proxy) if c.id in held and c.closed_s is None
        ]
        if action.at_heal == "dead":
            left = [c for c in left if c.dead_s is None]
        if left:
            reason = HEAL_DIFFERS(
                proxy=action.proxy, connections=len(left), expected=action.at_heal
            )
            raise InjectionFailed(Problem(reason=reason))

    async def _apply_connect(self, action: ConnectPhase) -> None:
        await self._call(lambda: self._set_connect(action))

    async def _undo_connect(self, action: ConnectPhase) -> None:
        healed = ConnectPhase(proxy=action.proxy, mode="accept", established="keep")
        await self._call(lambda: self._set_connect(healed))

    def _set_connect(self, action: ConnectPhase) -> None:
        path = f"/chaoslab/proxies/{quote(action.proxy)}"
        self._send("put", f"{path}/connect", _connect_json(action))
        connect = self._get(path)["connect"]
        shown = (connect["mode"], connect["established"], connect.get("at_heal", "deliver"))
        asked = (action.mode, action.established, _HEALS[action.at_heal])
        if shown != asked:
            reason = CONNECTS_DIFFER(proxy=action.proxy)
            raise InjectionFailed(Problem(reason=reason, expected=str(asked), got=str(shown)))

    def _add_toxic(self, action: AddToxic) -> None:
        self._announce(action)
        super()._add_toxic(replace(action, attributes=_attributes(action)))

    def _remove_toxic(self, action: AddToxic) -> None:
        super()._remove_toxic(action)
        self._announce(action, over=True)  # the next toxic with that name may have an effect

    def _announce(self, action: AddToxic, *, over: bool = False) -> None:
        """Make the engine list a toxic of a fault that the self-test disables, without effect; with
        `over`, end that.

        For any other toxic, do nothing.
        """
        if action.inert:
            names = self._inert.setdefault(action.proxy, set())
            (names.discard if over else names.add)(action.name)
            path = f"/chaoslab/proxies/{quote(action.proxy)}/inert"
            self._send("put", path, {"toxics": sorted(names)})

    def _get(self, path: str) -> Any:
        return _checked(self._http.get(self.base_url + path)).json()

    def _send(self, verb: str, path: str, body: object) -> None:
        _checked(getattr(self._http, verb)(self.base_url + path, json=body))


def _checked(response: Any) -> Any:
    if response.status_code >= 400:
        asked = f"{response.request.method} {response.request.path_url}"
        answer = f"{asked}: {response.status_code} {response.text.strip()[:200]}"
        raise InjectionFailed(Problem(reason=REFUSED(server="the engine", answer=answer)))
    return response


def _as_json(action: Action) -> dict[str, object]:
    match action:
        case AddToxic():
            toxic = {
                "name": action.name,
                "type": action.type,
                "stream": action.stream,
                "toxicity": action.toxicity,
                "attributes": _attributes(action),
            }
            return {"proxy": action.proxy, "toxic": toxic}
        case ConnectPhase():
            return {"proxy": action.proxy, "connect": _connect_json(action)}
    raise FaultUnsupported(Problem(reason=NO_DISABLE_BY_TRIGGER(), fix="use a connect phase"))


def _connect_json(action: ConnectPhase) -> dict[str, object]:
    shown: dict[str, object] = {"mode": action.mode, "established": action.established}
    if action.at_heal != "resume":  # an external engine may be older
        shown["at_heal"] = _HEALS[action.at_heal]
    return {**shown, "inert": True} if action.inert else shown


def _attributes(toxic: AddToxic) -> dict[str, int | str]:
    at_heal = {} if toxic.at_heal == "resume" else {"at_heal": _HEALS[toxic.at_heal]}
    return {**toxic.attributes, **at_heal}


def _is_held(c: ConnectionRecord, by: AddToxic | ConnectPhase) -> bool:
    """Whether the connection is open, and the toxic or the connect mode has acted on it.

    The engine may hold connections in mode `accept`, while packet rules drop.
    """
    names = (by.name,) if isinstance(by, AddToxic) else (f"connect:{by.mode}", "connect:accept")
    acted = any(effect.name in names for effect in c.effects)
    return acted and c.closed_s is None and c.dead_s is None


def _record(row: dict[str, Any]) -> ConnectionRecord:
    return ConnectionRecord(
        id=row["id"],
        proxy=row["proxy"],
        client_port=int(row["client"].rpartition(":")[2]),
        opened_s=row["opened_s"],
        closed_s=row["closed_s"],
        bytes_upstream=row["bytes_upstream"],
        bytes_downstream=row["bytes_downstream"],
        held_upstream=row["held_upstream"],
        held_downstream=row["held_downstream"],
        effects=tuple(
            ToxicEffect(
                name=m["name"],
                type=m["type"],
                stream=m["stream"],
                bytes=m["bytes"],
                goodbye=m.get("goodbye", 0),  # an external engine may be older
            )
            for m in row["met"]
        ),
        end=row["end"],
        asked_s=row.get("asked_s"),
        answered_s=row.get("answered_s"),
        dismissed_s=row.get("dismissed_s"),
        ending=row.get("ending"),
        ending_s=row.get("ending_s"),
        dead_s=row.get("dead_s"),
        messages=tuple(MessageRecord(**each) for each in row.get("messages", ())),
        unread=row.get("unread", ""),
    )
