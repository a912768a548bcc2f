"""Both servers side by side: each call goes to both, and both give the same answer.

Free ports are chosen by each server, so listen addresses are not compared (test_proxies_api does).
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
# Why a body cannot be read is told in each server's own words.
WHY_UNREADABLE = re.compile(r'(bad request body: )(?:\\.|[^"\\])*')

Call = tuple[str, str, str | None]
PAIR = [{"name": name, "upstream": "x", "listen": "127.0.0.1:0"} for name in NAMES[:2]]
START: Call = ("POST", "/populate", json.dumps(PAIR))


class Compared:
    """Both servers, empty of proxies: each call goes to both, and both give the same answer."""

    def __init__(self, apis: dict[str, Api]) -> None:
        self.apis = apis
        self.over = False
        for api in apis.values():
            for name in api.get("/proxies").fields:
                assert api.delete(f"/proxies/{quote(name)}").status == 204

    def call(self, method: str, path: str, body: str | None = None) -> None:
        """One call. After a port was lost to another process, which says nothing, do nothing."""
        if self.over:
            return
        answers = {
            name: shown(api.request(method, path, raw=body)) for name, api in self.apis.items()
        }
        self.over = any(TAKEN in text for *_, text in answers.values())
        if not self.over:
            assert answers[EMBEDDED] == answers[TOXIPROXY]

    @property
    def startable(self) -> bool:
        """Whether a reset can start each proxy: else Toxiproxy starts some, in no fixed order."""
        proxies = self.apis[EMBEDDED].get("/proxies").fields.values()
        return not any(isinstance(one, dict) and one["listen"] in UNSTARTABLE for one in proxies)


def shown(answer: Answer) -> tuple[int, str, str, str]:
    """Status with its words, media type and body, without the addresses that each one chose."""
    text = json.dumps(answer.body, sort_keys=True) if answer.body is not None else answer.text
    text = WHY_UNREADABLE.sub(r"\1<why>", ADDRESS.sub("<address>", text).strip())
    return answer.status, answer.reason, answer.content_type, text
