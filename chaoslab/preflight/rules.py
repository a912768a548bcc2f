"""The rules: each gives what is wrong, or what it saw that holds."""

from __future__ import annotations

from collections.abc import Iterator

from chaoslab.model.deployment import OFF, Bypass, Deployment, Pool, Window
from chaoslab.preflight.document import Document
from chaoslab.preflight.figures import Figures, Number, added, stands, total
from chaoslab.preflight.finding import Check, Finding, masked
from chaoslab.preflight.variables import Variable, variable

Told = Finding | Check


def required(document: Document, rules: Deployment) -> Iterator[Told]:
    """Every required variable is there and holds something."""
    seen = [variable(document, rules.env, name) for name in rules.required]
    for each in seen:
        if each.state not in ("set", "elsewhere"):
            yield _bad_variable("required", document, each)
    hidden = [each.name for each in seen if each.state == "elsewhere"]
    told = f"all {len(seen)} are declared: {', '.join(rules.required)}"
    if hidden:
        told += f" (values set elsewhere and not checked: {', '.join(hidden)})"
    if all(each.state in ("set", "elsewhere") for each in seen):
        yield Check(rule="required", said=told)


def bypass(document: Document, rules: Deployment, rule: Bypass) -> Iterator[Told]:
    """The emergency bypass is off, or the profile is one that may have it."""
    switch = variable(document, rules.env, rule.variable)
    profile = variable(document, rules.env, rule.profile)
    known = profile.text.strip() if profile.state == "set" else ""
    runs_as = f"{rule.profile}={known}" if known else f"{rule.profile} {stands(profile)}"
    is_on = _is_on(switch, rule)
    if is_on is None:
        yield _unclear(document, switch, rule)
    elif not is_on:
        yield Check(rule="bypass", said=f"{rule.variable} is off, with {runs_as}")
    elif known in rule.allowed_in:
        yield Check(rule="bypass", said=f"{rule.variable} is on, which {runs_as} allows")
    else:
        yield _finding(
            "bypass",
            document,
            switch.line,
            f"{rule.variable} is on in production ({runs_as})",
            expected="off, except in the profiles: " + (", ".join(rule.allowed_in) or "none"),
            got=masked(switch.text),
            fix=f'write {rule.variable} = "false": an app that starts without its database'
            " hides the missing database",
        )


def _is_on(switch: Variable, rule: Bypass) -> bool | None:
    """Whether the bypass is on, or None where that cannot be seen."""
    word = switch.text.strip().lower()
    if switch.state == "set" and word in rule.on:
        return True
    return False if switch.state == "blank" or (switch.state == "set" and word in OFF) else None


def _unclear(document: Document, switch: Variable, rule: Bypass) -> Finding:
    is_word = switch.state == "set"
    return _finding(
        "bypass",
        document,
        switch.line,
        f"{rule.variable} {'is not a known word for on or off' if is_word else stands(switch)}",
        expected=f"one of: {', '.join((*rule.on, *filter(None, OFF)))}",
        got=masked(switch.text) if is_word else "",
        fix=switch.fix or f'write {rule.variable} = "false"',
    )


def window(document: Document, rules: Deployment, rule: Window) -> Iterator[Told]:
    """The prober is more patient than the app's own start-up deadline."""
    figures = Figures(document, rules, "window")
    delay = figures.number(rule.initial_delay_s, "initial_delay_s", span=True)
    period = figures.number(rule.period_s, "period_s", span=True)
    failures = figures.number(rule.failures, "failures")
    startup = figures.number(rule.startup_s, "startup_s", span=True)
    yield from figures.findings
    if delay is None or period is None or failures is None or startup is None:
        return
    if failures.value < 1 or failures.value % 1:
        what, got = "failures is not a count of checks", f"{failures}"
        yield _finding("window", document, failures.line, what, expected="1 or more", got=got)
        return
    window_s = delay.value + period.value * (failures.value - 1)
    told = f"{delay} + {period} x ({failures} - 1) = {window_s:g} s"
    if window_s > startup.value:
        yield Check(
            rule="window", said=f"{told} until the prober gives up > start-up deadline {startup} s"
        )
        return
    yield _finding(
        "window",
        document,
        failures.line or period.line or delay.line or startup.line,
        "the prober gives up before the app's own start-up deadline",
        expected=f"more than {startup} s",
        got=f"{told}: the first check comes after the delay",
        fix="raise failures or period, so that the app can report what it waits for",
    )


def pool(document: Document, rules: Deployment, rule: Pool) -> Iterator[Told]:
    """All instances together stay within the database's limit."""
    figures = Figures(document, rules, "pool")
    size, instances = figures.sum(rule.size, "size"), figures.sum(rule.instances, "instances")
    limit, reserved = figures.number(rule.limit, "limit"), figures.number(rule.reserved, "reserved")
    yield from figures.findings
    if size is None or instances is None or limit is None or reserved is None:
        return
    for numbers, key in ((size, "size"), (instances, "instances")):
        if total(numbers) < 1:
            what = f"{key} is {total(numbers):g} in sum: nothing to compare"
            yield _finding("pool", document, _line(numbers), what, expected="1 or more")
            return
    wanted, left = total(size) * total(instances), limit.value - reserved.value
    told = f"{added(size)} connections x {added(instances)} instances = {wanted:g}"
    allowed = f"{limit} - {reserved} reserved = {left:g}" if reserved.value else f"{limit}"
    if wanted <= left:
        yield Check(rule="pool", said=f"{told} <= {allowed}")
        return
    yield _finding(
        "pool",
        document,
        _line((*size, *instances, limit)),
        "all instances together may open more connections than the database allows",
        expected=f"{allowed} or fewer",
        got=told,
        fix=f"at most {max(0, int(left // total(instances)))} connections per instance,"
        " or fewer instances",
    )


def ports(document: Document, rules: Deployment) -> Iterator[Told]:
    """The port that the app is told, the one declared and the one routed are the same."""
    figures = Figures(document, rules, "ports")
    seen = [(each, figures.number(each, "a port")) for each in rules.ports]
    yield from figures.findings
    known = [(told, number) for told, number in seen if number is not None]
    if len(known) < len(seen):
        return
    for told, number in known:
        if not 1 <= number.value <= 65535 or number.value % 1:
            what, got = f"{told} is not a port", f"{number}"
            yield _finding("ports", document, number.line, what, expected="1 to 65535", got=got)
            return
    first = known[0]
    others = [each for each in known[1:] if each[1].value != first[1].value]
    for told, number in others:
        yield _finding(
            "ports",
            document,
            number.line or first[1].line,
            f"{told} is not the same port as {first[0]}",
            expected=f"{first[1]}{f' (line {first[1].line})' if first[1].line else ''}",
            got=f"{number}",
            fix="use the same port: requests to another port get no answer",
        )
    if not others:
        told = ", ".join(str(told) for told, _ in known)
        yield Check(rule="ports", said=f"all are {first[1]}: {told}")


def paths(document: Document, rules: Deployment) -> Iterator[Told]:
    """Every variable that holds a service's URL is there; where it leads only `--live` shows."""
    good = []
    for link, name in rules.paths.items():
        seen = variable(document, rules.env, name)
        if seen.state not in ("set", "elsewhere"):
            yield _bad_variable("paths", document, seen, f", the URL of {link},")
        else:
            good.append(f"{link} by {name}")
    if good:
        yield Check(rule="paths", said=f"declared (no connection attempted): {', '.join(good)}")


def _bad_variable(rule: str, document: Document, seen: Variable, of: str = "") -> Finding:
    return _finding(
        rule,
        document,
        seen.line,
        f"{seen.name}{of} {stands(seen)}",
        expected="a value",
        fix=seen.fix
        or {
            "placeholder": "replace the placeholder, or check the file that your tool rendered",
            "twice": "remove one of the two",
        }.get(seen.state, f"set a value for {seen.name}"),
    )


def _finding(
    rule: str,
    document: Document,
    line: int,
    what: str,
    *,
    expected: str = "",
    got: str = "",
    fix: str = "",
) -> Finding:
    where = document.where(line) if line else document.file
    return Finding(rule=rule, where=where, what=what, expected=expected, got=got, fix=fix)


def _line(numbers: tuple[Number, ...]) -> int:
    return next((each.line for each in numbers if each.line), 0)
