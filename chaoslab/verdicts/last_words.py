"""What an app that ended by itself had to say of a link. Pure."""

from __future__ import annotations

import re

from chaoslab.history.events import Exited, LabUp
from chaoslab.history.journal import History
from chaoslab.spec.topology import Link
from chaoslab.verdicts.timeline import Span


def refusals_told(link: Link, span: Span, history: History, boot: int) -> int:
    """How many of its last log lines, where the app ended by itself in that time, tell of a refusal
    at the link's own address; boot 0 is any.

    A refused connect is over before anybody outside could see it. That address, host and port, is a
    proxy's of this lab: words that hold it and the refusal come of a try, unless they were made up.
    """
    up = history.first(LabUp)
    address = up.links.get(link.name, "") if up else ""
    if not address:
        return 0
    whole = re.compile(rf"(?<![\w.]){re.escape(address)}(?!\d)")
    ends = (x for x in history.of(Exited) if x.app == link.app and boot in (0, x.boot))
    return sum(
        "refused" in words.lower() and whole.search(words) is not None
        for end in ends
        if not end.asked and span.holds(end.at_s)
        for words in end.log_tail
    )
