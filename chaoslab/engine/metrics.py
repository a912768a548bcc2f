"""`/metrics` in Prometheus' text format: Toxiproxy's two counters and two of the engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chaoslab.engine.chunks import Direction
from chaoslab.engine.proxy import Proxy

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def text(proxies: Iterable[Proxy]) -> str:
    """The text of `/metrics` for `proxies`. The counters include open connections."""
    return "\n".join(_lines(list(proxies))) + "\n"


def _lines(proxies: list[Proxy]) -> Iterator[str]:
    for field, name in (("received", "received_bytes_total"), ("delivered", "sent_bytes_total")):
        yield f"# HELP toxiproxy_proxy_{name} Bytes {field}, open connections included."
        yield f"# TYPE toxiproxy_proxy_{name} counter"
        for proxy in proxies:
            for direction in Direction:
                labels = _labels(proxy, direction=direction.value)
                value = getattr(proxy.flow(direction), field)
                yield f"toxiproxy_proxy_{name}{labels} {value}"
    yield "# HELP chaoslab_proxy_connections_open Connections open now."
    yield "# TYPE chaoslab_proxy_connections_open gauge"
    for proxy in proxies:
        yield f"chaoslab_proxy_connections_open{_labels(proxy)} {len(proxy.connections)}"
    yield "# HELP chaoslab_proxy_connections_opened_total Clients accepted so far."
    yield "# TYPE chaoslab_proxy_connections_opened_total counter"
    for proxy in proxies:
        yield f"chaoslab_proxy_connections_opened_total{_labels(proxy)} {proxy.opened}"


def _labels(proxy: Proxy, **more: str) -> str:
    labels = {
        **more,
        "listener": proxy.listen.text,
        "proxy": proxy.name,
        "upstream": proxy.upstream,
    }
    shown = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return "{" + shown + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
