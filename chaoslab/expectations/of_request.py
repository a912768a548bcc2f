"""The base of the claims that are judged by one of the app's requests. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from chaoslab.expectations import needs
from chaoslab.expectations.base import AppDefaults, Expectation
from chaoslab.history.events import Request
from chaoslab.history.journal import History


@dataclass(frozen=True, slots=True, kw_only=True)
class OfRequest(Expectation):
    """A claim about the request with the name `request`: by default the app's first write that can
    be looked up, or else its first request.
    """

    request: str | None = None

    judged_by_requests: ClassVar[bool] = True
    app_defaults: ClassVar[AppDefaults] = {"request": needs.first_request}

    def of_mine(self, history: History) -> list[Request]:
        """The claim's requests that a load sent to any boot of the app, in the order in which they
        ended.
        """
        return [*self.among(history.of(Request))]

    def among(self, requests: Iterable[Request]) -> Iterator[Request]:
        """Yields those of `requests` that a load sent and that are the claim's."""
        wanted = (self.app, self.request, "load")
        return (r for r in requests if (r.app, r.request, r.purpose) == wanted)
