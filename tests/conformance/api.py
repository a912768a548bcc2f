"""The HTTP API as any client uses it: plain requests, answers as values."""

from __future__ import annotations

import json as jsonlib
from dataclasses import dataclass

import httpx

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None
PROXY_KEYS = {"name", "listen", "upstream", "enabled", "toxics"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer: status, reason phrase, parsed body (None if not JSON), text, headers."""

    status: int
    reason: str
    body: Json
    text: str
    content_type: str
    no_sniff: str

    @property
    def fields(self) -> dict[str, Json]:
        """The body, which must be a JSON object."""
        assert isinstance(self.body, dict), f"{self.status}: {self.text!r}"
        return self.body

    @property
    def error(self) -> str:
        """The text of an error; its body must also have the status."""
        assert self.fields["status"] == self.status
        message = self.fields["error"]
        assert isinstance(message, str)
        return message


class Api:
    """Requests to one server. A body is sent as JSON, or unchanged with `raw`."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: str | None = None,
        agent: str = "conformance",
    ) -> Answer:
        """Send one request; `raw` is used before `body`; without both the body is empty."""
        content = raw if raw is not None else None if body is None else jsonlib.dumps(body)
        headers = {"User-Agent": agent, "Content-Type": "application/json"}
        got = self._client.request(method, path, content=content, headers=headers)
        try:
            parsed: Json = got.json()
        except ValueError:
            parsed = None
        return Answer(
            status=got.status_code,
            reason=got.reason_phrase,
            body=parsed,
            text=got.text,
            content_type=got.headers.get("content-type", ""),
            no_sniff=got.headers.get("x-content-type-options", ""),
        )

    def get(self, path: str) -> Answer:
        """Send a GET."""
        return self.request("GET", path)

    def post(self, path: str, body: object = None, *, raw: str | None = None) -> Answer:
        """Send a POST."""
        return self.request("POST", path, body, raw=raw)

    def patch(self, path: str, body: object = None, *, raw: str | None = None) -> Answer:
        """Send a PATCH."""
        return self.request("PATCH", path, body, raw=raw)

    def delete(self, path: str) -> Answer:
        """Send a DELETE."""
        return self.request("DELETE", path)

    def toxic(self, proxy: str, kind: str, stream: str = "downstream", /, **attributes: int) -> str:
        """Add a toxic with toxicity 1, which must succeed; returns its path."""
        body = {"type": kind, "stream": stream, "attributes": attributes}
        answer = self.post(f"/proxies/{proxy}/toxics", body)
        assert answer.status == 200, answer.text
        return f"/proxies/{proxy}/toxics/{kind}_{stream}"


def without_extras(proxy: Json) -> dict[str, Json]:
    """The documented fields of a proxy, without those that only one server has ("Logger")."""
    assert isinstance(proxy, dict)
    assert proxy.keys() >= PROXY_KEYS, proxy
    return {key: proxy[key] for key in sorted(PROXY_KEYS)}
