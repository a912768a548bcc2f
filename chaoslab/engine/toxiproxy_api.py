"""Toxiproxy's HTTP API: the same routes, bodies and statuses as its version 2.12."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import wraps

from chaoslab.engine import address, metrics, wire
from chaoslab.engine.http_messages import Answer, Request, plain_error
from chaoslab.engine.proxy import Proxy
from chaoslab.engine.proxy_collection import ProxyCollection
from chaoslab.engine.routes import Route, route
from chaoslab.engine.toxic_collection import Toxic, read_toxic, update_toxic
from chaoslab.engine.wire import ApiError, Json

# The version of Toxiproxy's API that is spoken; clients look at it.
SPOKEN_VERSION = "2.12.0"
# A larger body is parsed in a thread, off the data path: a megabyte of numbers takes a second.
_LARGE_BYTES = 64 * 1024

Names = dict[str, str]
Handler = Callable[[Request, Names], Awaitable[Answer]]


def json_answer(value: object, status: int = 200) -> Answer:
    """An answer with a JSON body."""
    return Answer(status=status, body=wire.encode(value), content_type="application/json")


def errors_as_answers(handler: Handler) -> Handler:
    """Turn an ApiError into the error body that Toxiproxy sends (as plain text, like Go)."""

    @wraps(handler)
    async def answered(request: Request, names: Names) -> Answer:
        if len(request.body) > _LARGE_BYTES:
            read = await asyncio.to_thread(_read, request.body)
            request = replace(request, read=read)
        try:
            return await handler(request, names)
        except ApiError as error:
            body = wire.encode({"error": error.text, "status": error.status})
            return plain_error(body, error.status)

    return answered


def body_of(request: Request) -> Json:
    """The first JSON value of a request's body; raises ApiError."""
    return wire.decode(request.body) if request.read is None else request.read()


def _read(body: bytes) -> Callable[[], Json]:
    try:
        value = wire.decode(body)
    except ApiError as error:
        refused = error
    else:
        return lambda: value

    def again() -> Json:
        raise refused

    return again


def proxy_on_the_wire(proxy: Proxy) -> dict[str, object]:
    """A proxy as Toxiproxy shows it; the empty `Logger` is part of its shape since 2.5."""
    return {
        "name": proxy.name,
        "listen": proxy.listen.text,
        "upstream": proxy.upstream,
        "enabled": proxy.enabled,
        "Logger": {},
        "toxics": toxics_on_the_wire(proxy),
    }


def toxics_on_the_wire(proxy: Proxy) -> list[dict[str, object]]:
    """All toxics of a proxy, upstream first."""
    return [toxic.on_the_wire() for toxic in proxy.chain.all()]


class ToxiproxyApi:
    """The handlers; each validates all of its request before it changes anything."""

    def __init__(self, proxies: ProxyCollection) -> None:
        self._proxies = proxies

    def routes(self) -> list[Route]:
        """Toxiproxy's routes, in its order."""
        table: list[tuple[str, str, Handler]] = [
            ("POST", "/reset", self.reset),
            ("GET", "/proxies", self.proxy_index),
            ("POST", "/proxies", self.proxy_create),
            ("POST", "/populate", self.populate),
            ("GET", "/proxies/{proxy}", self.proxy_show),
            ("POST PATCH", "/proxies/{proxy}", self.proxy_update),
            ("DELETE", "/proxies/{proxy}", self.proxy_delete),
            ("GET", "/proxies/{proxy}/toxics", self.toxic_index),
            ("POST", "/proxies/{proxy}/toxics", self.toxic_create),
            ("GET", "/proxies/{proxy}/toxics/{toxic}", self.toxic_show),
            ("POST PATCH", "/proxies/{proxy}/toxics/{toxic}", self.toxic_update),
            ("DELETE", "/proxies/{proxy}/toxics/{toxic}", self.toxic_delete),
            ("GET", "/version", self.version),
            ("", "/metrics", self.metrics),
        ]
        return [route(methods, path, errors_as_answers(call)) for methods, path, call in table]

    # --- proxies ---

    async def reset(self, _request: Request, _names: Names) -> Answer:
        """Enable every proxy, remove every toxic, heal every connect mode."""
        self._proxies.heal()
        return Answer(status=204)

    async def proxy_index(self, _request: Request, _names: Names) -> Answer:
        """All proxies by name."""
        return json_answer({p.name: proxy_on_the_wire(p) for p in self._proxies.all()})

    async def proxy_create(self, request: Request, _names: Names) -> Answer:
        """A new proxy, enabled unless the body says otherwise."""
        members = wire.members(body_of(request))
        name, listen, upstream, enabled = _fields(members)
        _demand("name", name)
        _demand("upstream", upstream)
        address.demand_possible(listen=listen, upstream=upstream)
        self._proxies.demand_free(name)
        toxics = _toxics(members) or ()
        if enabled:
            where = await address.resolve(listen, to_open=True)
        else:
            where = await address.resolve_for_later(listen)
        created = self._proxies.create(name, where, upstream, enabled=enabled, toxics=toxics)
        return json_answer(proxy_on_the_wire(created), 201)

    async def populate(self, request: Request, _names: Names) -> Answer:
        """Create or replace a list of proxies; stops at an error and lists those that are done."""
        done: list[Proxy] = []
        failure: dict[str, object] = {}
        status = 201
        try:
            await self.populate_all(body_of(request), done)
        except ApiError as error:
            status = error.status
            failure = {"error": error.text, "status": status}
        shown = [proxy_on_the_wire(proxy) for proxy in done]
        return json_answer({**failure, "proxies": shown or None}, status)

    async def populate_all(self, value: Json, done: list[Proxy]) -> None:
        """Validate the list, then create or update one proxy after the other; append to `done`."""
        wanted = []
        for entry in wire.items(value):
            members = wire.members(entry, "a proxy of the array")
            wanted.append((*_fields(members), _toxics(members)))
        for place, (name, listen, upstream, _, _) in enumerate(wanted, start=1):
            _demand("name", name, f"name at proxy {place}")
            _demand("upstream", upstream, f"upstream at proxy {place}")
            address.demand_possible(listen=listen, upstream=upstream)
        for name, listen, upstream, enabled, toxics in wanted:
            known = self._proxies.has(name)
            if enabled or known:
                where = await address.resolve(listen, to_open=not known)
            else:
                where = await address.resolve_for_later(listen)
            done.append(
                self._proxies.populate(name, where, upstream, enabled=enabled, toxics=toxics)
            )

    async def proxy_show(self, _request: Request, names: Names) -> Answer:
        """One proxy."""
        return json_answer(proxy_on_the_wire(self._proxies.get(names["proxy"])))

    async def proxy_update(self, request: Request, names: Names) -> Answer:
        """Change listen, upstream or enabled; what the body omits is unchanged."""
        proxy = self._proxies.get(names["proxy"])
        members = wire.members(body_of(request))
        _, listen, upstream, enabled = _fields(
            members, proxy.listen.text, proxy.upstream, proxy.enabled
        )
        address.demand_possible(listen=listen, upstream=upstream)
        where = await address.resolve(listen, to_open=False)
        self._proxies.update(proxy, where, upstream, enabled=enabled)
        return json_answer(proxy_on_the_wire(proxy))

    async def proxy_delete(self, _request: Request, names: Names) -> Answer:
        """Stop and forget."""
        self._proxies.remove(names["proxy"])
        return Answer(status=204)

    # --- toxics ---

    async def toxic_index(self, _request: Request, names: Names) -> Answer:
        """All toxics of a proxy."""
        return json_answer(toxics_on_the_wire(self._proxies.get(names["proxy"])))

    async def toxic_create(self, request: Request, names: Names) -> Answer:
        """A new toxic at the end of its direction, on open connections too."""
        proxy = self._proxies.get(names["proxy"])
        toxic = read_toxic(body_of(request), proxy.chain.names())
        proxy.add_toxic(toxic)
        return json_answer(toxic.on_the_wire())

    async def toxic_show(self, _request: Request, names: Names) -> Answer:
        """One toxic."""
        proxy = self._proxies.get(names["proxy"])
        return json_answer(proxy.chain.get(names["toxic"]).on_the_wire())

    async def toxic_update(self, request: Request, names: Names) -> Answer:
        """Change attributes or toxicity; the rest is unchanged."""
        proxy = self._proxies.get(names["proxy"])
        old = proxy.chain.get(names["toxic"])
        toxic = update_toxic(old, body_of(request))
        proxy.chain.replace(toxic)
        proxy.arrange()
        return json_answer(toxic.on_the_wire())

    async def toxic_delete(self, _request: Request, names: Names) -> Answer:
        """Remove it from all connections."""
        proxy = self._proxies.get(names["proxy"])
        proxy.chain.remove(names["toxic"])
        proxy.arrange()
        return Answer(status=204)

    # --- the server itself ---

    async def version(self, _request: Request, _names: Names) -> Answer:
        """The version of the API that is spoken."""
        body = f'{{"version": "{SPOKEN_VERSION}"}}\n'
        return Answer(body=body, content_type="application/json;charset=utf-8")

    async def metrics(self, _request: Request, _names: Names) -> Answer:
        """Prometheus text."""
        return Answer(body=metrics.text(self._proxies.all()), content_type=metrics.CONTENT_TYPE)


def _fields(
    members: dict[str, Json], listen: str = "", upstream: str = "", enabled: bool = True
) -> tuple[str, str, str, bool]:
    """Name, listen, upstream and enabled of a body, with defaults."""
    return (
        wire.text_of(members, "name", ""),
        wire.text_of(members, "listen", listen),
        wire.text_of(members, "upstream", upstream),
        wire.flag_of(members, "enabled", enabled),
    )


def _demand(field: str, value: str, shown: str | None = None) -> None:
    if not value:
        raise ApiError(f"missing required field: {shown or field}", 400)


def _toxics(members: dict[str, Json]) -> list[Toxic] | None:
    """Toxics given with the proxy (in Toxiproxy they are output only)."""
    value = members.get("toxics")
    if value is None:
        return None
    toxics = [read_toxic(entry) for entry in wire.items(value, "toxics")]
    if len({toxic.name for toxic in toxics}) < len(toxics):
        raise ApiError("toxic already exists", 409)
    return toxics
