"""Events of what an app costs: its own processes, the path to its services, and their servers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chaoslab.history.events.base import BootEvent, Event


@dataclass(frozen=True, slots=True, kw_only=True)
class AppUsage(BootEvent):
    """What the processes of a boot use: `rss_bytes` of memory now, and so far `cpu_s` of processor
    time, `log_lines` and `log_bytes` of output. It was read from `at_s` on for `took_s` seconds.

    `cpu_s` never falls. It may lack the time of a child that ended and that no process waited for.
    """

    took_s: float
    rss_bytes: int
    cpu_s: float
    log_lines: int
    log_bytes: int
    kind: Literal["app_usage"] = "app_usage"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTraffic(Event):
    """How many bytes the proxy of a link has received so far: `bytes_upstream` from the app,
    `bytes_downstream` from the service. It was read from `at_s` on for `took_s` seconds. The lab's
    own canaries are among them: some bytes each.
    """

    link: str
    took_s: float
    bytes_upstream: int
    bytes_downstream: int
    kind: Literal["link_traffic"] = "link_traffic"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCommands(Event):
    """How many commands a service's server has carried out since its start, as it counts them
    itself. It was asked at `at_s` and answered `took_s` seconds later. The count is None if it did
    not answer: recorded at the first such question.

    A server may count up to `late_s` seconds of commands later than it carries them out.
    """

    service: str
    took_s: float
    count: int | None
    late_s: float = 0.0
    kind: Literal["server_commands"] = "server_commands"
