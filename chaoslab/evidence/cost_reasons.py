"""The codes of what an app cost: one for each quantity, with its highest values. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chaoslab.evidence.cost import Phase
from chaoslab.reason import Code

PHASES: Mapping[Phase, str] = {
    "during": "while the fault was in force",
    "after": "after the heal",
}


def _text(name: str, unit: str, digits: int) -> Callable[[Mapping[str, Any]], str]:
    """The text of the reason for one quantity: its values in all phases, and what is allowed."""

    def number(value: float) -> str:
        return f"{value:,.{digits}f} {unit}"

    def text(data: Mapping[str, Any]) -> str:
        where = data.get("service") or data.get("link")
        shown = ", ".join(
            f"{number(data[phase])} {when}{' (too high)' if phase in data['above'] else ''}"
            for phase, when in PHASES.items()
            if data[phase] is not None
        )
        base = data["baseline"]
        before = "not measured" if base is None else number(base)
        allowed = f"{number(data['allowed'])} are allowed, {before} before the first fault"
        return f"{name}{f' {where}' if where else ''}: {shown or 'not measured'}; {allowed}"

    return text


_DATA = ("baseline", "during", "after", "allowed", "above")
_MEANING = (
    " The highest value before the first fault, while the fault was in force and after its heal "
    "(null: not measured), what is allowed, and the phases in which it was more."
)
MEMORY = Code(
    "cost.memory",
    _text("memory", "MiB", 0),
    "The resident memory of the app's processes in MiB." + _MEANING,
    data=_DATA,
)
PROCESSOR = Code(
    "cost.processor",
    _text("processor time", "cores", 2),
    "The processor cores that the app's processes used in any 2 s." + _MEANING,
    data=_DATA,
)
LOG_LINES = Code(
    "cost.log_lines",
    _text("log", "lines/s", 0),
    "The lines of output per second in any second." + _MEANING,
    data=_DATA,
)
LOG_BYTES = Code(
    "cost.log_bytes",
    _text("log", "KiB/s", 0),
    "The KiB of output per second in any second." + _MEANING,
    data=_DATA,
)
COMMANDS = Code(
    "cost.commands",
    _text("commands on", "a second", 0),
    "The commands per second in any second, as a service's server counted them." + _MEANING,
    data=("service", *_DATA),
)
SENT = Code(
    "cost.sent",
    _text("sent on", "KiB/s", 0),
    "The KiB per second in any second that the app sent on a link, as its proxy counted them."
    + _MEANING,
    data=("link", *_DATA),
)
