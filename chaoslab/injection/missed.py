"""Records that a fault was missed: not injected, not observed in force, or not healed."""

from __future__ import annotations

from chaoslab.errors import ChaoslabError, ErrorCode
from chaoslab.history.events import FaultMissed
from chaoslab.history.journal import Journal
from chaoslab.reason import Reason

NOT_HEALED = ErrorCode(
    "injection.not_healed",
    "could not be healed: {cause}",
    "The lab could not heal the fault, so it may still be in force.",
)
NO_CONNECTION = ErrorCode(
    "injection.no_connection",
    "the connection that starts the fault did not come",
    "A fault that starts at a connection was armed, and the app did not open that connection.",
)


def record_missed(fault: str, why: Reason, journal: Journal, *, unsupported: bool = False) -> None:
    """Record that the fault with this label was missed, and why; with `unsupported`, that it cannot
    be injected here.
    """
    at_s = journal.now()
    journal.append(FaultMissed(at_s=at_s, fault=fault, why=why, unsupported=unsupported))


def reason_of(error: ChaoslabError) -> Reason:
    """The error as a reason: code and data of its first problem, and its whole text in one line."""
    text = " ".join(line.strip() for line in str(error).splitlines())
    return Reason(code=error.code, data=error.problems[0].data, text=text)
