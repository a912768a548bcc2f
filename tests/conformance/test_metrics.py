"""/metrics: Toxiproxy's two counters, in Prometheus' text format, by proxy and direction."""

from __future__ import annotations

import re
import select

from chaoslab.clock import now_s

from .api import Api
from .wire import Pair, Service

LINE = re.compile(r"^toxiproxy_proxy_(received|sent)_bytes_total\{(.*)\} ([0-9.e+]+)$", re.M)
LABEL = re.compile(r'(\w+)="([^"]*)"')


def counters(api: Api) -> dict[tuple[str, str, str], float]:
    """The counters: bytes by (counter, proxy, direction)."""
    found = {}
    for which, labels, value in LINE.findall(api.get("/metrics").text):
        named = dict(LABEL.findall(labels))
        assert set(named) == {"direction", "listener", "proxy", "upstream"}
        found[which, named["proxy"], named["direction"]] = float(value)
    return found


def test_metrics_are_prometheus_text(api: Api, pair: Pair) -> None:
    """Version 0.0.4 of the text format."""
    answer = api.get("/metrics")
    assert answer.status == 200
    assert answer.content_type.startswith("text/plain; version=0.0.4")


def test_bytes_are_counted_by_direction(api: Api, service: Service) -> None:
    """Seven up and three down, received and sent, after the connection has ended."""
    body = {"name": "counted", "listen": "127.0.0.1:0", "upstream": service.address}
    pair = service.pair(str(api.post("/proxies", body).fields["listen"]))
    pair.client.send(b"7 bytes")
    assert pair.upstream.read_exactly(7).data == b"7 bytes"
    pair.upstream.send(b"abc")
    assert pair.client.read_exactly(3).data == b"abc"
    pair.close()
    want = {(which, "counted", direction): size for which in ("received", "sent")
            for direction, size in (("upstream", 7), ("downstream", 3))}  # fmt: skip
    deadline_s = now_s() + 5.0
    while now_s() < deadline_s:
        seen = {key: value for key, value in counters(api).items() if key[1] == "counted"}
        if seen == want:
            break
        select.select([], [], [], 0.01)  # Toxiproxy counts when its copying goroutine ends
    assert seen == want
