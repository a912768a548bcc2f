"""Writes a proposal, and what was observed, as a commented topology file and a scenario file."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

import tomlkit

from chaoslab.discover.dialect import health_keys
from chaoslab.discover.findings import Findings, PathFound, Role
from chaoslab.discover.next_steps import no_connection
from chaoslab.discover.proposal import Proposal
from chaoslab.model.loader.renamed import VERSION
from chaoslab.printable import one_line

_WIDTH = 100
_HIDDEN = re.compile("[\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_COMMENT = 600  # characters of one remark
SLACK = 3.0  # a deadline is this many times the longest of the three boots
LEAST_S = 5.0


def topology_text(proposal: Proposal, findings: Findings | None, *, schema: str = "") -> str:
    """The topology file. `schema` is the address of the JSON Schema for editors. Without findings
    nothing was started, and the file says so.
    """
    lines = [f"#:schema {schema}"] if schema else []
    lines += [*_head(proposal, findings), "", *_services(proposal), *_app(proposal, findings)]
    lines += [*_images(proposal.images), *_remarks(proposal, findings)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _head(proposal: Proposal, findings: Findings | None) -> Iterator[str]:
    yield from comment(
        "Written by `chaoslab init`. Change it as you like: `chaoslab check` validates it, and "
        "`chaoslab schema` prints what every key means."
    )
    if findings is None:
        yield from comment(
            "Nothing was started: the paths of health and the deadlines are usual ones."
        )
    yield f"version = {VERSION}"
    yield f"name = {_text(proposal.name)}"


def _services(proposal: Proposal) -> Iterator[str]:
    for each in proposal.services:
        yield from comment(each.why)
        yield f"[services.{each.name}]"
        yield f"kind = {_text(each.kind)}"
        for key, value in each.keys.items():
            yield f"{key} = {_text(value) if isinstance(value, str) else _list(value)}"
        if each.lacking:
            yield from comment(
                "The server of this machine lacks what the image in Compose has. Install it, or "
                "run in containers (`chaoslab run --runtime docker`), and uncomment:"
            )
            yield f"# extensions = {_list(each.lacking)}"
        yield ""


def _app(proposal: Proposal, findings: Findings | None) -> Iterator[str]:
    here = f"apps.{proposal.app}"
    yield f"[{here}]"
    if proposal.command_from:
        yield from comment(f"from {proposal.command_from}")
    yield f"command = {_list(proposal.command)}"
    if proposal.cwd:
        yield f"cwd = {_text(proposal.cwd)}"
    yield f"links = {_list([each.name for each in proposal.services])}"
    if findings is not None and findings.port:
        yield from comment(f"It listened on {findings.port}, whatever {{port}} was.")
        yield f"port = {findings.port}"
    yield from _prepare(proposal, findings)
    yield ""
    ignores_port = findings is not None and findings.port
    env = {k: v for k, v in proposal.env.items() if not (ignores_port and v == "{port}")}
    if env:
        yield f"[{here}.env]"
        yield from (f"{_key(name)} = {_text(value)}" for name, value in env.items())
        yield ""
    yield from _processes(here, proposal)
    yield from _health(here, proposal, findings)
    if findings is not None:
        yield from _deadlines(here, findings)
        yield from _request(here, findings)


def _processes(here: str, proposal: Proposal) -> Iterator[str]:
    if not proposal.processes:
        return
    yield from comment(
        "They start and stop with the app, and share its environment. `chaoslab init` did not "
        "start them; a command that ends by itself belongs in prepare."
    )
    yield f"[{here}.processes]"
    yield from (f"{name} = {_list(words)}" for name, words in proposal.processes.items())
    yield ""


def _prepare(proposal: Proposal, findings: Findings | None) -> Iterator[str]:
    """The commands of `prepare`; without them a remark on tables that the first boot made, and a
    proposal.
    """
    if proposal.prepare:
        yield f"prepare = [{', '.join(map(_list, proposal.prepare))}]"
        return
    made = findings.schema if findings else {}
    for name, tables in made.items():
        listed = ", ".join(tables[:5]) + (f" and {len(tables) - 5} more" if tables[5:] else "")
        yield from comment(
            f"The first boot made tables in {name}: {listed}. A command in prepare runs once, "
            "before the first boot, and each scenario begins with its data:"
        )
    if made or proposal.migrations:
        commands = proposal.migrations or (("the", "command", "that", "migrates"),)
        yield f"# prepare = [{', '.join(map(_list, commands))}]"


def _health(here: str, proposal: Proposal, findings: Findings | None) -> Iterator[str]:
    yield f"[{here}.health]"
    if findings is None:
        yield from comment("Not asked: nothing was started.")
        yield f"path = {_text(proposal.health_path or '/health')}"
        yield ""
        return
    for found in findings.paths:
        yield from comment(_seen(found))
    health = findings.health
    if proposal.services and not (health and health.noticed):
        yield from comment(
            "No path was observed to notice the loss of a service. So health claims nothing about "
            "them: declare a request below that needs them."
        )
    if findings.instead:
        yield from comment(findings.instead)
    good = health if health and health.steady.good else None
    if good is None:
        yield from comment(
            "No path of health answered with 2xx. Name one: `chaoslab run` waits for it."
        )
    if good and good.port:
        yield f"port = {_text(good.port)}"
    yield f"{'' if good else '# '}path = {_text(health.path if health else '/health')}"
    others: tuple[tuple[str, Role], ...] = (("live_path", "live"), ("ready_path", "ready"))
    for key, role in others:
        found_path = findings.with_role(role)
        same = found_path is not None and health is not None and found_path.port == health.port
        if found_path is not None and same and found_path is not health:
            yield f"{key} = {_text(found_path.path)}"
    for key, value in (health_keys(good.steady) if good else {}).items():
        yield f"{key} = {_value(value)}"
    yield ""


def _seen(found: PathFound) -> str:
    at = f" at {{port:{found.port}}}" if found.port else ""
    parts = [f"{found.path}{at}: {found.steady.text}"]
    parts += [f"{found.severed[name].text} while {name} was refused" for name in found.noticed]
    if unmoved := [name for name in found.severed if name not in found.noticed]:
        parts.append(f"does not notice the loss of {_and(unmoved)}")
    if found.role == "live" and found.noticed:
        parts.append("a platform that restarts on it restarts the app in an outage")
    return "; ".join(parts)


def _deadlines(here: str, findings: Findings) -> Iterator[str]:
    if not findings.boots_s:
        return
    yield f"[{here}.deadlines]"
    boots = ", ".join(f"{each:.1f} s" for each in findings.boots_s)
    answer = "the first good answer" if findings.all_good else "the first answer, not a good one"
    yield from comment(f"boots: {boots} to {answer}; x {SLACK:g}")
    longest_s, usual_s = max(findings.boots_s), median(findings.boots_s)
    if longest_s > 2 * usual_s:
        yield from comment(
            f"The longest boot took more than twice the median, {usual_s:.1f} s. If the machine "
            "was busy, or only the first boot takes so long, these bounds may be shorter."
        )
    yield f"startup_s = {bound_s(findings.boots_s)}"
    back = ", ".join(f"{name} {s:.1f} s" for name, s in findings.back_s.items())
    back = (
        f"the longest boot and the time to be as before after the heal: {back}"
        if back
        else ("the longest boot; no loss was observed to change a path")
    )
    yield from comment(f"{back}; x {SLACK:g}")
    longest_s += max(findings.back_s.values(), default=0.0)
    yield f"recovery_s = {bound_s([longest_s])}"
    for name in findings.not_back:
        yield from comment(f"{name}: not as before within the time that init waited after the heal")
    yield ""


def bound_s(observed_s: Sequence[float]) -> float:
    """A deadline in seconds for what took that long: a multiple of the longest, in halves."""
    return max(LEAST_S, round(2 * SLACK * max(observed_s)) / 2)


def _request(here: str, findings: Findings) -> Iterator[str]:
    if findings.request:
        yield f"[{here}.requests.works]"
        yield 'kind = "page"'
        yield f"path = {_text(findings.request)}"
        yield ""
        return
    yield from comment(
        "A request that needs the services shows more than health does. For example:"
    )
    yield f"# [{here}.requests.works]"
    yield '# kind = "page"'
    yield '# path = "/items"'
    yield ""


def _images(images: Mapping[str, str]) -> Iterator[str]:
    if images:
        yield from comment("For runs in containers, as Compose has them.")
        yield "[images]"
        yield from (f"{kind} = {_text(image)}" for kind, image in images.items())
        yield ""


def _remarks(proposal: Proposal, findings: Findings | None) -> Iterator[str]:
    notes = [*(no_connection(proposal, findings) if findings else ()), *proposal.notes]
    notes += findings.notes if findings else ()
    notes += [f"another command: {other}" for other in proposal.others]
    if notes:
        yield "# Seen, and not in the tables above:"
    for note in notes:
        yield from comment(f"- {note}")


def comment(text: str) -> Iterator[str]:
    """The text as comment lines, without characters that a terminal or TOML would act on."""
    yield from textwrap.wrap(
        one_line(text, _COMMENT), _WIDTH, initial_indent="# ", subsequent_indent="# "
    )


def scenario_text(proposal: Proposal) -> str:
    """The scenario file: each service is refused for a while, and the app must recover."""
    services = [each.name for each in proposal.services]
    return f'''"""Refuse each service for a while: the app must be as before after the heal.

Written by `chaoslab init`. Run it with `pytest`.
"""

from __future__ import annotations

import pytest

from chaoslab import Chaos, Severed, expect, when


@pytest.mark.parametrize("service", {services!r})
async def test_a_service_is_refused(chaos: Chaos, service: str) -> None:
    """The service cannot be reached for two seconds while the app runs."""
    await chaos.run(
        Severed(
            name="cut",
            target=service,
            mode="refused",
            start=when.healthy(0.5),
            stop=when.in_force("cut", 2.0),
        ),
        expect=[expect.Starts(mode="normal"), expect.Recovers()],
    )
'''


def _text(text: str) -> str:
    """A TOML string. What changes the order in which a line is shown is escaped as well."""
    return _HIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", tomlkit.item(text).as_string())


def _value(value: object) -> str:
    """A value of one line: a mapping is an inline table."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(k)} = {_value(v)}' for k, v in value.items())} }}"
    return tomlkit.item(value).as_string()


def _list(words: Sequence[str]) -> str:
    one = f"[{', '.join(map(_text, words))}]"
    if len(one) < _WIDTH - len("command = "):
        return one
    return "[\n" + "".join(f"  {_text(word)},\n" for word in words) + "]"


def _key(name: str) -> str:
    plain = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if plain else _text(name)


def _and(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"
