"""What the netns runtime needs: of a machine namespaces, `ip`, `mount` and packet rules; of an app
that it can have a network of its own.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import replace

from chaoslab.errors import ErrorCode, Problem, RuntimeUnavailable
from chaoslab.machine.environment import environment
from chaoslab.model.placeholders import names_in, parsed
from chaoslab.model.plan import Boot
from chaoslab.model.topology import App
from chaoslab.runtimes.doctor.machine import Part
from chaoslab.runtimes.netns import refusals
from chaoslab.runtimes.netns.namespaces import unshare_command, with_tools

UNAVAILABLE = ErrorCode(
    "netns.unavailable",
    "{what}: {problem}",
    "This machine lacks something that the netns runtime needs.",
)
ONLY_EMBEDDED = ErrorCode(
    "netns.only_embedded",
    "the runtime netns runs the embedded proxy only",
    "A Toxiproxy cannot listen inside a namespace and connect to servers outside it.",
)
NO_HOST = ErrorCode(
    "netns.no_proxy_host",
    "{app} has the port of {service}, but not its host",
    "An app, or a boot of a plan, takes only the port of a service from the lab. So it would look"
    " for the service on its own loopback.",
)
HOST_NETWORK = ErrorCode(
    "netns.host_network",
    "{app} needs the machine's network, and here it has one of its own",
    'An app with network = "host" cannot run in a network of its own.',
)
_LIMIT_S = 10.0
_PACKAGES = {
    "unshare": "util-linux",
    "ip": "iproute2",
    "mount": "mount",
    "iptables": "iptables",
}
# What each trial makes in new namespaces, as a lab does: a veth pair, a file in place of another
# and a setting; then a rule.
_NETWORK = (
    "ip link add v0 type veth peer name v1 && mount --bind /dev/null /dev/null"
    " && echo 0 > /proc/sys/net/ipv4/icmp_ratelimit"
)
_RULE = "iptables -A INPUT -p tcp --dport 9 -j DROP"


def check() -> None:
    """Raise RuntimeUnavailable, with the fix, if this machine cannot run the netns runtime."""
    for part in (namespaces(), packet_rules()):
        if not part.found:
            reason = UNAVAILABLE(what=part.name, problem=part.problem)
            raise RuntimeUnavailable(Problem(reason=reason, fix=part.fix))


def only_embedded() -> RuntimeUnavailable:
    """The error to raise if a Toxiproxy is requested for this runtime."""
    fix = "use the embedded proxy, or --chaos-runtime=loopback or docker"
    return RuntimeUnavailable(Problem(reason=ONLY_EMBEDDED(), fix=fix))


def check_apps(apps: Iterable[App]) -> None:
    """Raise RuntimeUnavailable, with the fix, for the first app that cannot run in a network of its
    own: it needs the machine's, or expects a service on its loopback.
    """
    for app in apps:
        if app.network == "host":
            raise _needs_host_network(app.name)
        _check_hosts(app, f"apps.{app.name}")


def check_boots(apps: Mapping[str, App], boots: Iterable[Boot]) -> None:
    """As `check_apps`, with the variables that each boot of a resolved plan overrides."""
    for number, boot in enumerate(boots):
        app = apps[boot.app]
        _check_hosts(replace(app, env={**app.env, **boot.env}), f"boots[{number}].env")


def _check_hosts(app: App, where: str) -> None:
    commands = (app.command, *app.processes.values())
    texts = (*(word for command in commands for word in command), *app.env.values())
    used = {parsed(name).plain for text in texts for name in names_in(text)}
    for service in app.links:
        if f"{service}.port" in used and not used & {f"{service}.host", f"{service}.url"}:
            fix = f"use {{{service}.host}} in {where}, or --chaos-runtime=loopback"
            reason = NO_HOST(app=app.name, service=service)
            raise RuntimeUnavailable(Problem(reason=reason, fix=fix))


def _needs_host_network(app: str) -> RuntimeUnavailable:
    fix = f"use --chaos-runtime=loopback, or declare apps.{app}.outside instead"
    where = f"apps.{app}.network"
    return RuntimeUnavailable(Problem(reason=HOST_NETWORK(app=app), where=where, fix=fix))


def networks_of(apps: Iterable[App]) -> Part:
    """Whether each of `apps` can run in a network of its own."""
    name = "networks of apps"
    try:
        check_apps(apps)
    except RuntimeUnavailable as error:
        problem = error.problems[0]
        return Part(name=name, problem=problem.what, fix=problem.fix)
    return Part(name=name, found="each app can have its own")


def namespaces() -> Part:
    """Whether new namespaces, with all that a lab makes in them, can be made here; it is tried."""
    return _tried("network namespaces", _NETWORK, ("unshare", "ip", "mount"))


def packet_rules() -> Part:
    """Whether a packet rule can be made in a new network namespace; it is tried."""
    return _tried("packet rules", _RULE, ("unshare", "iptables"))


def _tried(name: str, trial: str, programs: tuple[str, ...]) -> Part:
    machine = with_tools(environment())
    for program in programs:
        if not shutil.which(program, path=machine["PATH"]):
            fix = f"sudo apt-get install -y {_PACKAGES[program]}"
            return Part(name=name, problem=f"{program} is not installed", fix=fix)
    try:
        run = subprocess.run(
            (*unshare_command(), "sh", "-c", trial),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LIMIT_S,
            check=False,
            env=machine,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Part(name=name, problem=str(error), fix=refusals.fix())
    if run.returncode:
        lines = run.stderr.decode(errors="replace").strip().splitlines()
        cause = lines[-1] if lines else f"exit code {run.returncode}"
        problem, fix = refusals.limit_reached(cause) or (cause, refusals.fix())
        return Part(name=name, problem=problem, fix=fix)
    return Part(name=name, found="made in a new namespace")
