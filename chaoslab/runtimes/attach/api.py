"""A proxy server that is not the lab's own: how its proxies stand, and how the lab's traces go.

Blocking, bounded, and without the lab around it: what a dead lab left is taken back by it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

import httpx

from chaoslab.errors import RuntimeUnavailable
from chaoslab.machine.endpoint import Endpoint

MARK = "chaoslab."  # every toxic of an attached lab is called so: others can tell it from theirs
_TIMEOUT_S = 3.0
_ANYWHERE = ("", "0.0.0.0", "::", "[::]", "localhost", "127.0.0.1", "::1", "[::1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One thing that a lab has put in force on a proxy; `name` is a toxic's or a trigger's."""

    proxy: str
    kind: Literal["toxic", "disabled", "connect", "trigger"]
    name: str = ""

    def __str__(self) -> str:
        what = {"disabled": "disabled", "connect": "connects changed"}
        return f"{self.proxy}: {what.get(self.kind) or f'{self.kind} {self.name}'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyState:
    """A proxy as the server shows it."""

    listen: str
    enabled: bool
    toxics: tuple[str, ...]

    def reached_by(self, api_host: str) -> Endpoint:
        """Where its listener is for whoever reaches the API at `api_host`.

        A listener on any address, or on a loopback of its own, is sought beside the API: a port
        that is forwarded keeps its number.
        """
        host, _, port = self.listen.rpartition(":")
        return Endpoint(host=api_host if host in _ANYWHERE else host, port=int(port))


class ProxyApi:
    """The HTTP API of a Toxiproxy, or of an engine; a context manager.

    Every call raises RuntimeUnavailable where the server does not answer as one.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._http = httpx.Client(base_url=address, trust_env=False, timeout=_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def is_engine(self) -> bool:
        """Whether it is chaoslab's own engine."""
        return self._ask("GET", "/chaoslab", fine=(404,)).status_code == 200

    def proxies(self) -> dict[str, ProxyState]:
        """Every proxy of the server."""
        body = self._json("/proxies")
        try:
            return {
                name: ProxyState(
                    listen=str(proxy["listen"]),
                    enabled=bool(proxy["enabled"]),
                    toxics=tuple(str(toxic["name"]) for toxic in proxy["toxics"] or ()),
                )
                for name, proxy in body.items()
            }
        except (AttributeError, LookupError, TypeError) as error:
            raise self._unavailable(f"cannot read its proxies ({error!r})") from error

    def take_back(self, trace: Trace) -> None:
        """Undo it, and see that it is gone. What is not there any more is no error."""
        proxy = quote(trace.proxy, safe="")
        match trace.kind:
            case "toxic":
                name = quote(trace.name, safe="")
                self._ask("DELETE", f"/proxies/{proxy}/toxics/{name}", fine=(404,))
            case "disabled":
                self._ask("POST", f"/proxies/{proxy}", fine=(404,), body={"enabled": True})
            case "connect":
                whole = {"mode": "accept", "established": "keep"}
                self._ask("PUT", f"/chaoslab/proxies/{proxy}/connect", fine=(404,), body=whole)
            case "trigger":
                name = quote(trace.name, safe="")
                self._ask("DELETE", f"/chaoslab/proxies/{proxy}/triggers/{name}", fine=(404,))
        if (state := self.proxies().get(trace.proxy)) is not None:
            if trace.kind == "toxic" and trace.name in state.toxics:
                raise self._unavailable(f"{trace} still exists")
            if trace.kind == "disabled" and not state.enabled:
                raise self._unavailable(f"{trace} still exists")

    def _json(self, path: str) -> Any:
        try:
            return self._ask("GET", path).json()
        except ValueError as error:
            raise self._unavailable("its answer is not JSON") from error

    def _ask(
        self, method: str, path: str, *, fine: tuple[int, ...] = (), body: object = None
    ) -> httpx.Response:
        try:
            response = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise self._unavailable(str(error) or type(error).__name__) from error
        if response.status_code >= 400 and response.status_code not in fine:
            said = f"{method} {path} answered {response.status_code} {response.text.strip()[:200]}"
            raise self._unavailable(said)
        return response

    def _unavailable(self, why: str) -> RuntimeUnavailable:
        return RuntimeUnavailable(
            f"Toxiproxy at {self._address}: {why}\n"
            "  expected Toxiproxy's API there: start it, forward its port, or correct [attach]"
        )
