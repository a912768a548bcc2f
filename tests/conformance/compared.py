"""Calls both servers, and compares their answers.

Each server chooses its free ports, so listen addresses are not compared (test_proxies_api does).

"""

from __future__ import annotations

import json
import re
from urllib.parse import quote

from .api import Answer, Api
from .arms import EMBEDDED, TOXIPROXY

NAMES = ("a", "b", "c d")
UNSTARTABLE = ("nonsense", "127.0.0.1:99999")
TAKEN = "bind: address already in use"
ADDRESS = re.compile(r"(127\.0\.0\.1|\[::\]):(?!0\b|1\b)\d+")
# The reason of a body error has a different text on each server.
WHY_UNREADABLE = re.compile(r'(bad request body: )(?:\\.|[^"\\])*')

Call = tuple[str, str, str | None]
PAIR = [{"name": name, "upstream": "x", "listen": "127.0.0.1:0"} for name in NAMES[:2]]
START: Call = ("POST", "/populate", json.dumps(PAIR))


class Compared:
    """Both servers, without proxies at first. A call goes to both; the answers must be equal."""

    def __init__(self, apis: dict[str, Api]) -> None:
        self.apis = apis
        self.over = False
        for api in apis.values():
            for name in api.get("/proxies").fields:
                assert api.delete(f"/proxies/{quote(name)}").status == 204

    def call(self, method: str, path: str, body: str | None = None) -> None:
        """One call. After another process has taken a port, no call is made any more."""
        if self.over:
            return
        answers = {
            name: comparable(api.request(method, path, raw=body)) for name, api in self.apis.items()
        }
        self.over = any(TAKEN in text for *_, text in answers.values())
        if not self.over:
            assert answers[EMBEDDED] == answers[TOXIPROXY]

    @property
    def startable(self) -> bool:
        """Whether a reset can start every proxy; else Toxiproxy starts some, in no order."""
        proxies = self.apis[EMBEDDED].get("/proxies").fields.values()
        return not any(isinstance(one, dict) and one["listen"] in UNSTARTABLE for one in proxies)


def comparable(answer: Answer) -> tuple[int, str, str, str]:
    """Status with its reason phrase, media type and body, without the chosen addresses."""
    text = json.dumps(answer.body, sort_keys=True) if answer.body is not None else answer.text
    text = WHY_UNREADABLE.sub(r"\1<why>", ADDRESS.sub("<address>", text).strip())
    return answer.status, answer.reason, answer.content_type, text
