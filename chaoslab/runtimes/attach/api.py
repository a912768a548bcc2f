"""Calls the API of an external proxy server: reads its proxies, and heals faults of attached labs.

Every call blocks and is bounded in time. It needs no running lab, so it can also heal the faults of
a dead one.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

import httpx

from chaoslab.errors import ErrorCode, Problem, RuntimeUnavailable
from chaoslab.machine.endpoint import Endpoint

API_FAILED = ErrorCode(
    "attach.api_failed",
    "{cause}",
    "The external proxy server gave no usable answer, or did not heal a fault.",
)
MARK = "chaoslab."  # the prefix of all toxics and triggers of attached labs
_TIMEOUT_S = 3.0
_ANYWHERE = ("", "0.0.0.0", "::", "[::]", "localhost", "127.0.0.1", "::1", "[::1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """One change that a lab has in force on a proxy: a toxic, a trigger, or a changed setting.

    `kind` is `toxic`, `trigger`, `disabled` (the proxy is disabled) or `connect` (the proxy's
    handling of connects is changed). `name` is the name of the toxic or trigger, else empty.
    """

    proxy: str
    kind: Literal["toxic", "disabled", "connect", "trigger"]
    name: str = ""

    def __str__(self) -> str:
        what = {"disabled": "disabled", "connect": "connects changed"}
        return f"{self.proxy}: {what.get(self.kind) or f'{self.kind} {self.name}'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyState:
    """The state of one proxy, as the external proxy server reports it.

    `toxics` has the names of its toxics.
    """

    listen: str
    enabled: bool
    toxics: tuple[str, ...]

    def reached_by(self, api_host: str) -> Endpoint:
        """The address of the proxy's listener for a client that reaches the API at `api_host`.

        If the proxy listens on loopback or on any address, this is the same port on `api_host`: a
        forwarded port must keep its number.
        """
        host, _, port = self.listen.rpartition(":")
        return Endpoint(host=api_host if host in _ANYWHERE else host, port=int(port))


class ProxyApi:
    """A client of the HTTP API of a Toxiproxy or of chaoslab's engine; a context manager.

    Every call raises RuntimeUnavailable if the server does not answer, or does not answer as a
    Toxiproxy does.
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
        """Whether the server is chaoslab's proxy engine, and not a Toxiproxy."""
        return self._ask("GET", "/chaoslab", allowed=(404,)).status_code == 200

    def proxies(self) -> dict[str, ProxyState]:
        """Maps the name of every proxy on the server to its state."""
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

    def heal(self, fault: InForce) -> None:
        """Undo one change on the server. It is no error if the change does not exist any more.

        Raises RuntimeUnavailable if a toxic still exists, or a proxy is still disabled, after that.
        """
        proxy = quote(fault.proxy, safe="")
        match fault.kind:
            case "toxic":
                name = quote(fault.name, safe="")
                self._ask("DELETE", f"/proxies/{proxy}/toxics/{name}", allowed=(404,))
            case "disabled":
                self._ask("POST", f"/proxies/{proxy}", allowed=(404,), body={"enabled": True})
            case "connect":
                usual = {"mode": "accept", "established": "keep"}
                self._ask("PUT", f"/chaoslab/proxies/{proxy}/connect", allowed=(404,), body=usual)
            case "trigger":
                name = quote(fault.name, safe="")
                self._ask("DELETE", f"/chaoslab/proxies/{proxy}/triggers/{name}", allowed=(404,))
        if (state := self.proxies().get(fault.proxy)) is not None:
            if fault.kind == "toxic" and fault.name in state.toxics:
                raise self._unavailable(f"{fault} still exists")
            if fault.kind == "disabled" and not state.enabled:
                raise self._unavailable(f"{fault} still exists")

    def _json(self, path: str) -> Any:
        try:
            return self._ask("GET", path).json()
        except ValueError as error:
            raise self._unavailable("its answer is not JSON") from error

    def _ask(
        self, method: str, path: str, *, allowed: tuple[int, ...] = (), body: object = None
    ) -> httpx.Response:
        try:
            response = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise self._unavailable(str(error) or type(error).__name__) from error
        if response.status_code >= 400 and response.status_code not in allowed:
            answer = f"{response.status_code} {response.text.strip()[:200]}"
            raise self._unavailable(f"{method} {path} answered {answer}")
        return response

    def _unavailable(self, why: str) -> RuntimeUnavailable:
        return RuntimeUnavailable(
            Problem(
                where=f"Toxiproxy at {self._address}",
                reason=API_FAILED(cause=why),
                expected="Toxiproxy's API there",
                fix="start it, forward its port, or correct [attach]",
            )
        )
