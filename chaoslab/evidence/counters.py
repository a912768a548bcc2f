"""Counts of kernels and proxies at one link during one fault, without the lab's canaries. Pure."""

from __future__ import annotations

from dataclasses import replace

from chaoslab.evidence.timeline import Span
from chaoslab.history.events import CanaryProbe, LinkDrops, LinkMetered, LinkPackets
from chaoslab.history.journal import History
from chaoslab.model.faults import Declared
from chaoslab.model.topology import Link

# When Linux sends a SYN again (tcp_syn_retries), in seconds after the first: the kernel counts each
# SYN of a waiting canary. These times are a little too early, so that no SYN of a canary is counted
# as one of the app.
SYN_RETRIES_S = (0.9, 2.9, 6.9)


def syns_dropped(link: Link, fault: Declared, span: Span, history: History) -> int:
    """The number of SYNs that the kernel dropped at the link's socket during the fault, minus the
    SYNs of canaries. Below 0 if canaries sent more SYNs than the kernel counted.
    """
    drops = (d for d in history.of(LinkDrops) if (d.link, d.fault) == (link.name, fault.label))
    canaries = sum(
        1 + sum(c.took_s >= retry_s for retry_s in SYN_RETRIES_S)
        for c in history.of(CanaryProbe)
        if c.link == link.name and c.outcome == "connect_timeout" and c.at_s >= span.start_s
    )
    return max((d.syn_drops for d in drops), default=0) - canaries


def packets_counted(link: Link, fault: Declared, history: History) -> LinkPackets | None:
    """The kernel's counts at the link during the fault: what was added between the first and the
    last time that the lab read the counters. None if the lab did not read them twice.
    """
    label = fault.label
    read = [p for p in history.of(LinkPackets) if (p.link, p.fault) == (link.name, label)]
    if len(read) < 2:
        return None
    first, last = read[0], read[-1]
    return replace(
        last,
        syns=last.syns - first.syns,
        syns_dropped=last.syns_dropped - first.syns_dropped,
        packets_dropped=last.packets_dropped - first.packets_dropped,
        bytes_up=last.bytes_up - first.bytes_up,
        bytes_down=last.bytes_down - first.bytes_down,
        resets=last.resets - first.resets,
    )


def bytes_metered(link: Link, fault: Declared, history: History) -> int:
    """The number of bytes of connections that ended during the fault, by the proxy's own metrics. 0
    if the lab did not read the metrics twice.
    """
    label = fault.label
    read = [m for m in history.of(LinkMetered) if (m.link, m.fault) == (link.name, label)]
    return read[-1].ended_bytes - read[0].ended_bytes if len(read) > 1 else 0
