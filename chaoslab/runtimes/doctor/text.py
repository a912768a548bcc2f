"""What a machine has and what each runtime lacks, as text for people."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group
from rich.table import Table
from rich.text import Text

from chaoslab.runtimes.doctor.machine import ImageSeen, Machine, Part
from chaoslab.runtimes.doctor.needs import RuntimeNeeds

_WORDS = {"ready": "ready", "unknown": "unknown (use --pull)", "lacking": "not ready"}
_STYLES = {"ready": "green", "unknown": "yellow", "lacking": "red"}


def diagnosis(machine: Machine, needs: tuple[RuntimeNeeds, ...]) -> Group:
    """The text of the doctor, to print: what was found, then for each runtime what it lacks and how
    to fix it.
    """
    return Group(_found(machine), Text(), *(line for each in needs for line in _runtime(each)))


def _found(machine: Machine) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("machine", Text(machine.system))
    table.add_row("Python", Text(machine.python))
    table.add_row("topology", Text(machine.topology))
    for part in _parts(machine):
        table.add_row(Text(part.name), _part(part))
    for image in machine.images:
        table.add_row(Text(f"image of {image.use}"), _image(image))
    return table


def _parts(machine: Machine) -> Iterator[Part]:
    yield from (*machine.servers.values(), machine.toxiproxy)
    yield from machine.wheels
    yield from (machine.sockets, machine.memory, machine.engine)
    yield from machine.packages
    for parts in machine.of_runtimes.values():
        yield from parts


def _part(part: Part) -> Text:
    if part.found:
        return Text(part.found)
    return Text(part.problem or "not found", style="yellow")


def _image(image: ImageSeen) -> Text:
    if image.state == "here":
        return Text(f"{image.name}: here")
    how = f"cannot be pulled: {image.answer}" if image.answer else "pulled at first use"
    if image.base:
        how = f"built at first use, on {image.base}"
    return Text(f"{image.name}: not here, {how}", style="yellow")


def _runtime(needs: RuntimeNeeds) -> Iterator[Text]:
    yield Text.assemble(
        (f"--chaos-runtime={needs.runtime}", "bold"),
        ": ",
        (_WORDS[needs.readiness], _STYLES[needs.readiness]),
        f" (it means {needs.means} here)" if needs.means else "",
    )
    for lack in () if needs.means else needs.lacks:  # they follow, with the runtime that is meant
        yield Text(f"  {lack.what}")
        for fix in lack.fixes:
            yield Text(f"    -> {fix}")
