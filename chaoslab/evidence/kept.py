"""Whether the database holds the writes that an app acknowledged. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaoslab.evidence.timeline import Span
from chaoslab.evidence.traffic import no_answer, over_s, response, response_text
from chaoslab.evidence.waits import losses_of, lost_in
from chaoslab.history.events import ReadBack, Request
from chaoslab.history.journal import History
from chaoslab.reason import Code, Reason

MOST_NAMED = 5
ACCEPTED = 202  # HTTP "accepted": the app has not stored the row yet


def _counts_text(data: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{data[name]} {name}" for name in ("ok", "failed", "indeterminate"))
    silent = f" ({data['no_answer']} without an answer)" if data["no_answer"] else ""
    wrong = f", {data['wrong']} wrong" if data["wrong"] else ""
    return f"writes: {counts}{silent}{wrong}"


COUNTS = Code(
    "write.counts",
    _counts_text,
    "How many writes of the loads were acknowledged, how many failed, how many got no clear "
    "answer, and how many an answer with a good status and another content than declared.",
    data=("ok", "failed", "indeterminate", "no_answer", "wrong"),
)


def _lost_text(data: Mapping[str, Any]) -> str:
    since = f" {data['after_s']:g} s after their answer" if data["after_s"] else ""
    return f"{data['count']} acknowledged writes are not in the database{since}: " + ", ".join(
        data["writes"]
    )


LOST = Code(
    "write.lost",
    _lost_text,
    "Writes that the app had acknowledged were not found in the database. Some are named.",
    data=("count", "after_s", "writes"),
)
LOST_ACCEPTED = Code(
    "write.lost_accepted",
    "{count} of the lost writes were answered {status_code} (accepted); fix: declare within_s in "
    "found of the request if the app stores a write after its answer",
    "Lost writes were answered 202: the app may store them after its answer, but the topology "
    "declares no within_s.",
)


def _not_looked_up_text(data: Mapping[str, Any]) -> str:
    if not data["after_s"]:
        return f"{data['count']} were not looked up after their answer"
    after = f"{data['after_s']:g} s after their answer, waits for a core not counted"
    return f"{data['count']} were not looked up {after}"


NOT_LOOKED_UP = Code(
    "write.not_looked_up",
    _not_looked_up_text,
    "The database was not read late enough to show whether acknowledged writes are kept.",
    data=("count", "after_s"),
)


def _all_found_text(data: Mapping[str, Any]) -> str:
    return "all found in the database" + (", none of them twice" if data["once"] else "")


ALL_FOUND = Code(
    "write.all_found",
    _all_found_text,
    "Every acknowledged write was found in the database. If `once` is true, none was there twice.",
    data=("once",),
)


FIRST_FAILED = Code(
    "write.first_failed",
    lambda data: f"the first that failed, at {data['at_s']:.3f} s: {response_text(data)}",
    "What the app answered to the first write that it did not acknowledge.",
    data=("at_s", "status_code", "answer", "error"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """The results of the look-ups in the database. `there` maps a write's id to whether the write
    is in the database, `often` maps the id to how often it is there.

    `counted` is true if every look-up counted the rows.
    """

    there: Mapping[str, bool]
    often: Mapping[str, int]
    counted: bool


def last_looks(app: str, writes: Iterable[Request], history: History, late_s: float) -> Looked:
    """The result of the last look-up that counts for each write.

    A look-up before the answer to a write does not count for that write. A look-up before `late_s`
    had passed since the answer counts only if it found the write. The app's waits for a core do not
    count as part of `late_s`.
    """
    over = {w.op: over_s(w) for w in writes}
    (_, waits), _ = losses_of(app, None, history)

    def is_due(op: str, at_s: float) -> bool:
        since_s = over.get(op, 0.0)
        lost_s = lost_in(Span(start_s=since_s, end_s=at_s), waits) if late_s else 0.0
        return at_s - lost_s >= since_s + late_s

    there: dict[str, bool] = {}
    often: dict[str, int] = {}
    looks = [look for look in history.of(ReadBack) if look.app == app]
    for look in looks:
        there |= {op: True for op in look.found if look.at_s >= over.get(op, look.at_s)}
        there |= {op: False for op in look.missing if is_due(op, look.at_s)}
        often |= {op: (look.repeated or {}).get(op, 1) for op in look.found}
    counted = all(look.repeated is not None for look in looks)
    return Looked(there=there, often=often, counted=counted)


def counts_of(writes: Sequence[Request]) -> Reason:
    outcomes = ("ok", "failed", "indeterminate", "wrong")
    counts = {o: sum(w.outcome == o for w in writes) for o in outcomes}
    return COUNTS(**counts, no_answer=sum(no_answer(w) for w in writes))


def first_failed(writes: Sequence[Request]) -> Iterator[Reason]:
    """Yields a reason with the answer to the first of `writes` that was not acknowledged, if there
    is one.
    """
    failed = (w for w in writes if w.outcome != "ok")
    if (first := min(failed, key=lambda w: w.at_s, default=None)) is not None:
        yield FIRST_FAILED(at_s=first.at_s, **response(first))


def lost_writes(lost: Sequence[Request], late_s: float) -> Iterator[Reason]:
    if not lost:
        return
    yield LOST(count=len(lost), after_s=late_s, writes=[w.op for w in lost[:MOST_NAMED]])
    if not late_s and (later := sum(w.status_code == ACCEPTED for w in lost)):
        yield LOST_ACCEPTED(count=later, status_code=ACCEPTED)
