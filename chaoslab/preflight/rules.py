"""The rules of a preflight. Each is a function that yields its findings, or a Check if the rule
holds.
"""

from __future__ import annotations

from collections.abc import Iterator

from chaoslab.model.deployment import OFF, Bypass, Deployment, Pool, Window
from chaoslab.preflight.document import Document
from chaoslab.preflight.figures import Figures, Number, added, total
from chaoslab.preflight.finding import Check, Finding, masked
from chaoslab.preflight.variables import Variable, variable

Result = Finding | Check


def required(document: Document, rules: Deployment) -> Iterator[Result]:
    """Yield a Check if every required variable is declared and has a value, else a Finding for each
    of the others.
    """
    found = [variable(document, rules.env, name) for name in rules.required]
    bad = [each for each in found if not each.has_value]
    yield from (_bad_variable("required", document, each) for each in bad)
    if not bad:
        hidden = [each.name for each in found if each.state == "external"]
        note = f" (values set elsewhere and not checked: {', '.join(hidden)})" if hidden else ""
        text = f"all {len(found)} are declared: {', '.join(rules.required)}{note}"
        yield Check(rule="required", text=text)


def bypass(document: Document, rules: Deployment, rule: Bypass) -> Iterator[Result]:
    """Yield a Check if the emergency bypass is off, or if the app's profile may use it; else a
    Finding.
    """
    switch = variable(document, rules.env, rule.variable)
    profile = variable(document, rules.env, rule.profile)
    known = profile.text.strip() if profile.state == "set" else ""
    runs_as = f"{rule.profile}={known}" if known else f"{rule.profile} {profile.state_text}"
    is_on = _is_on(switch, rule)
    if is_on is None:
        yield _unclear_switch(document, switch, rule)
    elif not is_on:
        yield Check(rule="bypass", text=f"{rule.variable} is off, with {runs_as}")
    elif known in rule.allowed_in:
        yield Check(rule="bypass", text=f"{rule.variable} is on, which {runs_as} allows")
    else:
        yield document.finding(
            "bypass",
            switch.line,
            f"{rule.variable} is on in production ({runs_as})",
            expected="off, except in the profiles: " + (", ".join(rule.allowed_in) or "none"),
            got=masked(switch.text),
            fix=f'write {rule.variable} = "false": an app that starts without its database'
            " hides the missing database",
        )


def _is_on(switch: Variable, rule: Bypass) -> bool | None:
    """Whether the variable turns the bypass on; None if the file does not show whether it does."""
    word = switch.text.strip().lower()
    if switch.state == "set" and word in rule.on:
        return True
    return False if switch.state == "blank" or (switch.state == "set" and word in OFF) else None


def _unclear_switch(document: Document, switch: Variable, rule: Bypass) -> Finding:
    is_word = switch.state == "set"
    state = "is not a known word for on or off" if is_word else switch.state_text
    return document.finding(
        "bypass",
        switch.line,
        f"{rule.variable} {state}",
        expected=f"one of: {', '.join((*rule.on, *filter(None, OFF)))}",
        got=masked(switch.text) if is_word else "",
        fix=switch.fix or f'write {rule.variable} = "false"',
    )


def window(document: Document, rules: Deployment, rule: Window) -> Iterator[Result]:
    """Yield a Check if the platform's prober waits longer than the app's own start-up deadline,
    else a Finding. A number that cannot be read is a Finding too.
    """
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
        yield document.finding("window", failures.line, what, expected="1 or more", got=got)
        return
    window_s = delay.value + period.value * (failures.value - 1)
    sum_s = f"{delay} + {period} x ({failures} - 1) = {window_s:g} s"
    if window_s > startup.value:
        text = f"{sum_s} until the prober gives up > start-up deadline {startup} s"
        yield Check(rule="window", text=text)
        return
    yield document.finding(
        "window",
        failures.line or period.line or delay.line or startup.line,
        "the prober gives up before the app's own start-up deadline",
        expected=f"more than {startup} s",
        got=f"{sum_s}: the first check comes after the delay",
        fix="raise failures or period, so that the app can report what it waits for",
    )


def pool(document: Document, rules: Deployment, rule: Pool) -> Iterator[Result]:
    """Yield a Check if all instances together open no more connections than the database allows,
    else a Finding. A number that cannot be read is a Finding too.
    """
    figures = Figures(document, rules, "pool")
    size, instances = figures.sum(rule.size, "size"), figures.sum(rule.instances, "instances")
    limit, reserved = figures.number(rule.limit, "limit"), figures.number(rule.reserved, "reserved")
    yield from figures.findings
    if size is None or instances is None or limit is None or reserved is None:
        return
    for numbers, key in ((size, "size"), (instances, "instances")):
        if total(numbers) < 1:
            what = f"{key} is {total(numbers):g} in sum: nothing to compare"
            yield document.finding("pool", _line(numbers), what, expected="1 or more")
            return
    wanted, left = total(size) * total(instances), limit.value - reserved.value
    product = f"{added(size)} connections x {added(instances)} instances = {wanted:g}"
    allowed = f"{limit} - {reserved} reserved = {left:g}" if reserved.value else f"{limit}"
    if wanted <= left:
        yield Check(rule="pool", text=f"{product} <= {allowed}")
        return
    yield document.finding(
        "pool",
        _line((*size, *instances, limit)),
        "all instances together may open more connections than the database allows",
        expected=f"{allowed} or fewer",
        got=product,
        fix=f"at most {max(0, int(left // total(instances)))} connections per instance,"
        " or fewer instances",
    )


def ports(document: Document, rules: Deployment) -> Iterator[Result]:
    """Yield a Check if every listed place has the same port, for example the app's port and the
    routed port; else a Finding for each place with another one.
    """
    figures = Figures(document, rules, "ports")
    found = [(place, figures.number(place, "a port")) for place in rules.ports]
    yield from figures.findings
    known = [(place, number) for place, number in found if number is not None]
    if len(known) < len(found):
        return
    for place, number in known:
        if not 1 <= number.value <= 65535 or number.value % 1:
            what, got = f"{place} is not a port", f"{number}"
            yield document.finding("ports", number.line, what, expected="1 to 65535", got=got)
            return
    first = known[0]
    others = [each for each in known[1:] if each[1].value != first[1].value]
    for place, number in others:
        yield document.finding(
            "ports",
            number.line or first[1].line,
            f"{place} is not the same port as {first[0]}",
            expected=f"{first[1]}{f' (line {first[1].line})' if first[1].line else ''}",
            got=f"{number}",
            fix="use the same port: requests to another port get no answer",
        )
    if not others:
        places = ", ".join(str(place) for place, _ in known)
        yield Check(rule="ports", text=f"all are {first[1]}: {places}")


def paths(document: Document, rules: Deployment) -> Iterator[Result]:
    """Yield a Finding for each variable with the URL of a service that has no value, and one Check
    for all that have one. No connection is attempted.
    """
    good = []
    for link, name in rules.paths.items():
        found = variable(document, rules.env, name)
        if found.has_value:
            good.append(f"{link} by {name}")
        else:
            yield _bad_variable("paths", document, found, f", the URL of {link},")
    if good:
        yield Check(rule="paths", text=f"declared (no connection attempted): {', '.join(good)}")


def _bad_variable(rule: str, document: Document, found: Variable, of: str = "") -> Finding:
    fixes = {
        "placeholder": "replace the placeholder, or check the file that your tool rendered",
        "duplicate": "remove one of the two",
    }
    fix = found.fix or fixes.get(found.state, f"set a value for {found.name}")
    what = f"{found.name}{of} {found.state_text}"
    return document.finding(rule, found.line, what, expected="a value", fix=fix)


def _line(numbers: tuple[Number, ...]) -> int:
    return next((each.line for each in numbers if each.line), 0)
