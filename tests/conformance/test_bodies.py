"""Unusual JSON bodies and values: both servers give the same answer."""

from __future__ import annotations

import pytest

from .api import Api
from .arms import EMBEDDED, TOXIPROXY
from .compared import ADDRESS, WHY_UNREADABLE

BROKEN = [
    "", "  ", "x", "}", ":", "tru", "trux", "nul", '"', '"x', "{", '{"a"', '{"a":', '{"a":1',
    '{"a":1,', "[", "[1", "[1,", "{,}", "{1:2}", '{"a" "b"}', '{"a":1 "b"}', '{"a":tru]',
    "[1 2]", '{"a":[1 2]}', '{"a":[1,]}', '{"a":{}x', '{"a":[]]', "1.", "-", "1e", '{"a":01}',
    '{"toxicity": 0.', '{"a":1.x}', '{"a":1e}', '{"a":1e', '{"a":1e+}', '{"a":-x}', '{"a":-',
    '{"a":-Infinity}', '{"a":Infinity}', '{"a":NaN}', '{"a":"\n"}', '{"a":"\x01"}', '{"a":"\\x"}',
    '{"a":"\\u12x4"}', '{"a":"\\u12', '{"a":"x\\', "\x0b{}", "\ufeff{}", "\u00e9", "'", "\x7f",
    "\u00ad", "5", "1.5", "true", '"x"', "[]", '{"name":1}', '{"listen":[]}', '{"enabled":0}',
    '{"upstream":{}}', '{"a":' + "[" * 20_000,
]  # fmt: skip
PROXIES: list[dict[str, object]] = [
    {"name": "half of a pair: \ud800", "upstream": "x\udfff"},
    {"name": "a\x00b <&> \u2028 \u00e9 \x7f \U0001f600", "upstream": '"q\\'},
    {"name": "k", "up\u017ftream": "x"},  # a letter that Go takes for an s
    {"name": "long", "upstream": "x", "unknown": 10**4200},
    {"name": "again", "NAME": "again, the second one", "upstream": "x"},
    {"name": "logger", "upstream": "x", "Logger": {}, "toxics": []},
]
TOXICITIES = [
    "1e400", "1e39", "-1e39", "1e21", "1e20", "3.4e38", "1e-7", "0.000001", "0.00001", "1e-46",
    "0.1234567890123", "123456789", "16777217", "2.5", "1E-1", "-7", "1" + "0" * 50,
]  # fmt: skip
ATTRIBUTES = [
    '{"latency":1e3}', '{"latency":1.0}', '{"latency":9223372036854775807}',
    '{"latency":9223372036854775808}', '{"latency":-9223372036854775808}', '{"latency":-0}',
    '{"latency":1e400}', '{"latency":null}', "[]", '"x"', "5", "true", "null",
]  # fmt: skip


def comparable(api: Api, path: str, raw: str) -> tuple[int, str, str, str, str]:
    """An answer without the port that the server chose, and without the reason of a body error."""
    answer = api.post(path, raw=raw)
    text = WHY_UNREADABLE.sub(r"\1<why>", ADDRESS.sub("<address>", answer.text))
    return answer.status, answer.reason, answer.content_type, answer.no_sniff, text


@pytest.mark.parametrize("path", ["/proxies", "/populate", "/proxies/a", "/proxies/a/toxics"])
def test_a_wrong_body_is_refused_with_the_same_status(both: dict[str, Api], path: str) -> None:
    """Media type and shape are the same too; only the text of the reason differs."""
    for api in both.values():
        api.post("/proxies", {"name": "a", "upstream": "x", "listen": "127.0.0.1:0"})
    for raw in BROKEN:
        answers = {name: comparable(api, path, raw) for name, api in both.items()}
        assert answers[EMBEDDED] == answers[TOXIPROXY], raw[:80]
        assert answers[EMBEDDED][0] in (400, 200, 201)


def test_unusual_strings_and_numbers_are_kept_unchanged(both: dict[str, Api]) -> None:
    """Also in the list of all proxies."""
    for proxy in PROXIES:
        answers = [api.post("/proxies", proxy | {"listen": "127.0.0.1:0"}) for api in both.values()]
        texts = [ADDRESS.sub("<address>", answer.text) for answer in answers]
        assert texts[0] == texts[1]
        assert [answer.status for answer in answers] == [201, 201]
    listings = [ADDRESS.sub("<address>", api.get("/proxies").text) for api in both.values()]
    assert listings[0] == listings[1]
    assert len(both[EMBEDDED].get("/proxies").fields) == len(PROXIES)


def test_toxicities_and_attributes_are_read_and_written_as_go_does(both: dict[str, Api]) -> None:
    """As float32 and int64; a number that does not fit is refused."""
    for api in both.values():
        api.post("/proxies", {"name": "a", "upstream": "x", "listen": "127.0.0.1:0"})
    bodies = [f'{{"type":"latency","name":"{n}","toxicity":{toxicity}}}'
              for n, toxicity in enumerate(TOXICITIES)]  # fmt: skip
    bodies += [f'{{"type":"latency","name":"x{n}","attributes":{attributes}}}'
               for n, attributes in enumerate(ATTRIBUTES)]  # fmt: skip
    for body in bodies:
        answers = {name: comparable(api, "/proxies/a/toxics", body) for name, api in both.items()}
        assert answers[EMBEDDED] == answers[TOXIPROXY], body
    kept = [api.get("/proxies/a/toxics").text for api in both.values()]
    assert kept[0] == kept[1]
