"""Requests to the API of a proxy server: each has a time-out, and a bad status is an error."""

from __future__ import annotations

from typing import Any

import requests

from chaoslab.errors import ErrorCode, InjectionFailed, Problem

REFUSED = ErrorCode(
    "proxy.refused", "{server} refused: {answer}", "The proxy server answered with an error."
)
REQUEST_TIMEOUT_S = 3.0


class StrictHttp:
    """Replaces the module `requests` in the toxiproxy-python client: one session, a time-out for
    each request, and an error for bad statuses.
    """

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False  # control traffic must not use a proxy of the environment

    def get(self, url: str, **kwargs: Any) -> requests.Response:
        return self._send("GET", url, **kwargs)

    def post(self, url: str, **kwargs: Any) -> requests.Response:
        return self._send("POST", url, **kwargs)

    def put(self, url: str, **kwargs: Any) -> requests.Response:
        return self._send("PUT", url, **kwargs)

    def delete(self, url: str, **kwargs: Any) -> requests.Response:
        return self._send("DELETE", url, **kwargs)

    def close(self) -> None:
        self._session.close()

    def _send(self, method: str, url: str, **kwargs: Any) -> requests.Response:
        response = self._session.request(method, url, timeout=REQUEST_TIMEOUT_S, **kwargs)
        if response.status_code >= 400 and response.status_code not in (400, 404, 409):
            # the client raises for these three, and for no others
            answer = f"{method} {url}: {response.status_code} {response.text.strip()[:200]}"
            raise InjectionFailed(Problem(reason=REFUSED(server="the proxy server", answer=answer)))
        return response
