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

# The version of Toxiproxy's API that the engine implements; clients read it.
API_VERSION = "2.12.0"
# A larger body is parsed in a thread, so that traffic goes on: a megabyte of numbers takes 1 s.
_LARGE_BYTES = 64 * 1024

Names = dict[str, str]
Handler = Callable[[Request, Names], Awaitable[Answer]]


def json_answer(value: object, status: int = 200) -> Answer:
    """An answer with a JSON body."""
    return Answer(status=status, body=wire.encode(value), content_type="application/json")


def errors_as_answers(handler: Handler) -> Handler:
    """A handler that does what `handler` does, and answers an ApiError with Toxiproxy's error body.

    This body has the media type text/plain. A large request body is parsed in a thread before.
    """

    @wraps(handler)
    async def answered(request: Request, names: Names) -> Answer:
        if len(request.body) > _LARGE_BYTES:
            parsed = await asyncio.to_thread(_parsed, request.body)
            request = replace(request, parsed=parsed)
        try:
            return await handler(request, names)
        except ApiError as error:
            body = wire.encode({"error": error.text, "status": error.status})
            return plain_error(body, error.status)

    return answered


def body_of(request: Request) -> Json:
    """The first JSON value of a request's body. Raises ApiError 400 if the body cannot be read."""
    return wire.decode(request.body) if request.parsed is None else request.parsed()


def _parsed(body: bytes) -> Callable[[], Json]:
    """A function that returns the JSON of a body that was parsed already, or raises its error."""
    try:
        value = wire.decode(body)
    except ApiError as error:
        failure = error
    else:
        return lambda: value

    def fail() -> Json:
        raise failure

    return fail


def proxy_as_json(proxy: Proxy) -> dict[str, object]:
    """A proxy as a JSON object, as Toxiproxy shows it; since version 2.5 that has an empty
    `Logger`.
    """
    return {
        "name": proxy.name,
        "listen": proxy.listen.text,
        "upstream": proxy.upstream,
        "enabled": proxy.enabled,
        "Logger": {},
        "toxics": toxics_as_json(proxy),
    }


def toxics_as_json(proxy: Proxy) -> list[dict[str, object]]:
    """All toxics of a proxy as JSON objects, as Toxiproxy shows them, upstream first."""
    return [toxic.as_json() for toxic in proxy.toxics.all()]


class ToxiproxyApi:
    """The handlers of Toxiproxy's API.

    Each validates the complete request before it changes anything.
    """

    def __init__(self, proxies: ProxyCollection) -> None:
        self._proxies = proxies

    def routes(self) -> list[Route]:
        """The routes of Toxiproxy's API, in its order, each with its handler."""
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
        """Heal every proxy, see `Proxy.heal`. Answers 204."""
        self._proxies.heal()
        return Answer(status=204)

    async def proxy_index(self, _request: Request, _names: Names) -> Answer:
        """Answer with an object that maps each name to its proxy."""
        return json_answer({p.name: proxy_as_json(p) for p in self._proxies.all()})

    async def proxy_create(self, request: Request, _names: Names) -> Answer:
        """Make a proxy, and answer with it.

        The proxy is enabled unless the body has `"enabled": false`.
        """
        members = wire.members(body_of(request))
        name, listen, upstream, enabled = _fields(members)
        _require("name", name)
        _require("upstream", upstream)
        address.require_possible(listen=listen, upstream=upstream)
        self._proxies.require_free(name)
        toxics = _toxics(members) or ()
        if enabled:
            where = await address.resolve(listen, to_open=True)
        else:
            where = await address.resolve_for_later(listen)
        created = self._proxies.create(name, where, upstream, enabled=enabled, toxics=toxics)
        return json_answer(proxy_as_json(created), 201)

    async def populate(self, request: Request, _names: Names) -> Answer:
        """Create, keep or replace the proxies that the body lists, and answer with them.

        The first error ends this; the answer then has the error and the proxies that were made.
        """
        done: list[Proxy] = []
        failure: dict[str, object] = {}
        status = 201
        try:
            await self.populate_all(body_of(request), done)
        except ApiError as error:
            status = error.status
            failure = {"error": error.text, "status": status}
        shown = [proxy_as_json(proxy) for proxy in done]
        return json_answer({**failure, "proxies": shown or None}, status)

    async def populate_all(self, value: Json, done: list[Proxy]) -> None:
        """Validate the list of proxies `value`, then make each proxy and append it to `done`.

        A proxy with the same name and addresses is kept; with other addresses it is replaced.
        """
        wanted = []
        for entry in wire.items(value):
            members = wire.members(entry, "a proxy of the array")
            wanted.append((*_fields(members), _toxics(members)))
        for place, (name, listen, upstream, _, _) in enumerate(wanted, start=1):
            _require("name", name, f"name at proxy {place}")
            _require("upstream", upstream, f"upstream at proxy {place}")
            address.require_possible(listen=listen, upstream=upstream)
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
        """Answer with one proxy."""
        return json_answer(proxy_as_json(self._proxies.get(names["proxy"])))

    async def proxy_update(self, request: Request, names: Names) -> Answer:
        """Change listen, upstream or enabled of a proxy, and answer with it.

        Fields that the body omits are unchanged.
        """
        proxy = self._proxies.get(names["proxy"])
        members = wire.members(body_of(request))
        _, listen, upstream, enabled = _fields(
            members, proxy.listen.text, proxy.upstream, proxy.enabled
        )
        address.require_possible(listen=listen, upstream=upstream)
        where = await address.resolve(listen, to_open=False)
        self._proxies.update(proxy, where, upstream, enabled=enabled)
        return json_answer(proxy_as_json(proxy))

    async def proxy_delete(self, _request: Request, names: Names) -> Answer:
        """Stop and remove a proxy. Answers 204."""
        self._proxies.remove(names["proxy"])
        return Answer(status=204)

    # --- toxics ---

    async def toxic_index(self, _request: Request, names: Names) -> Answer:
        """Answer with all toxics of a proxy."""
        return json_answer(toxics_as_json(self._proxies.get(names["proxy"])))

    async def toxic_create(self, request: Request, names: Names) -> Answer:
        """Append a toxic to those of its direction, and answer with it.

        The toxic also applies to open connections.
        """
        proxy = self._proxies.get(names["proxy"])
        toxic = read_toxic(body_of(request), proxy.toxics.names())
        proxy.add_toxic(toxic)
        return json_answer(toxic.as_json())

    async def toxic_show(self, _request: Request, names: Names) -> Answer:
        """Answer with one toxic."""
        proxy = self._proxies.get(names["proxy"])
        return json_answer(proxy.toxics.get(names["toxic"]).as_json())

    async def toxic_update(self, request: Request, names: Names) -> Answer:
        """Change attributes or toxicity of a toxic, and answer with it.

        Fields that the body omits are unchanged.
        """
        proxy = self._proxies.get(names["proxy"])
        old = proxy.toxics.get(names["toxic"])
        toxic = update_toxic(old, body_of(request))
        proxy.toxics.replace(toxic)
        proxy.apply_toxics()
        return json_answer(toxic.as_json())

    async def toxic_delete(self, _request: Request, names: Names) -> Answer:
        """Remove a toxic, from open connections too. Answers 204."""
        proxy = self._proxies.get(names["proxy"])
        proxy.toxics.remove(names["toxic"])
        proxy.apply_toxics()
        return Answer(status=204)

    # --- the server itself ---

    async def version(self, _request: Request, _names: Names) -> Answer:
        """Answer with the version of Toxiproxy's API that the engine implements."""
        body = f'{{"version": "{API_VERSION}"}}\n'
        return Answer(body=body, content_type="application/json;charset=utf-8")

    async def metrics(self, _request: Request, _names: Names) -> Answer:
        """Answer with the metrics in Prometheus' text format."""
        return Answer(body=metrics.text(self._proxies.all()), content_type=metrics.CONTENT_TYPE)


def _fields(
    members: dict[str, Json], listen: str = "", upstream: str = "", enabled: bool = True
) -> tuple[str, str, str, bool]:
    """The name, listen, upstream and enabled of a proxy in the body `members`. Those that the body
    omits have the default values given as arguments.
    """
    return (
        wire.text_of(members, "name", ""),
        wire.text_of(members, "listen", listen),
        wire.text_of(members, "upstream", upstream),
        wire.flag_of(members, "enabled", enabled),
    )


def _require(field: str, value: str, shown: str | None = None) -> None:
    if not value:
        raise ApiError(f"missing required field: {shown or field}", 400)


def _toxics(members: dict[str, Json]) -> list[Toxic] | None:
    """The toxics of a proxy in a body; None if the body has none. Toxiproxy ignores such toxics."""
    value = members.get("toxics")
    if value is None:
        return None
    toxics = [read_toxic(entry) for entry in wire.items(value, "toxics")]
    if len({toxic.name for toxic in toxics}) < len(toxics):
        raise ApiError("toxic already exists", 409)
    return toxics
