"""The places of the topology's apps and services in a cluster, read from the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Network, NetmaskValueError

from chaoslab.errors import UNKNOWN_NAME, ErrorCode, Problem, SpecError, did_you_mean
from chaoslab.export.network_chaos import Destination, Outside, Pods
from chaoslab.model.topology import Topology

# Kubernetes' rules for namespaces, for label keys and values, and for DNS names.
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LABEL_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_LABEL_KEY = re.compile(rf"([a-z0-9]([-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_LABEL_NAME}")
_LABEL_VALUE = re.compile(_LABEL_NAME)
_DNS_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
)

NOT_A_NAMESPACE = ErrorCode(
    "export.not_a_namespace",
    "'{name}' is not a namespace",
    "The name is not valid for a namespace of Kubernetes.",
)
TWO_PLACES = ErrorCode(
    "export.two_places",
    "'{name}' is declared both inside and outside the cluster",
    "A service has both an option `--service` and an option `--external`.",
)
NO_NAME = ErrorCode(
    "export.no_name",
    "not of the form NAME=...",
    "An option lacks the name of an app or a service, or what follows the name.",
)
GIVEN_TWICE = ErrorCode(
    "export.given_twice",
    "'{name}' is given twice",
    "Two uses of one option name the same app or service.",
)
NOT_A_LABEL = ErrorCode(
    "export.not_a_label", "'{label}' is not a label", "The text is not a label of Kubernetes."
)
TWO_VALUES = ErrorCode(
    "export.two_values",
    "two values for the label '{key}'",
    "One option gives a label two different values.",
)
NOT_A_HOST = ErrorCode(
    "export.not_a_host",
    "'{host}' is not a target that Chaos Mesh can cut off (IPv6 is unsupported)",
    "The text is not a host that Chaos Mesh supports as an external target.",
)

LABELS = "NAME=KEY=VALUE[,KEY=VALUE]..., as in backend=app=backend"
HOSTS = "NAME=HOST[:PORT][,HOST[:PORT]]..., as in postgres=10.20.0.5:5432"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Where the parts of the topology are in a cluster. `apps` maps an app's name to its pods;
    `services` maps a service's name to its pods or to its hosts outside of the cluster.
    """

    apps: Mapping[str, Pods] = field(default_factory=dict)
    services: Mapping[str, Destination] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options as text: each entry is `NAME=...`, in the form of `LABELS` or `HOSTS`.

    `namespaces` has `NAME=NAMESPACE` for apps and services that are not in `namespace`.
    """

    namespace: str
    apps: Sequence[str] = ()
    services: Sequence[str] = ()
    external: Sequence[str] = ()
    namespaces: Sequence[str] = ()


def cluster(options: Options, topology: Topology) -> Cluster:
    """The places of apps and services that the options name. Raises SpecError with all mistakes at
    once.
    """
    problems: list[Problem] = []
    known = (*topology.apps, *topology.services)
    elsewhere = _read("--namespace-of", options.namespaces, known, problems)
    for where, name in [("--namespace", options.namespace), *_flat("--namespace-of", elsewhere)]:
        if not _NAMESPACE.fullmatch(name):
            reason = NOT_A_NAMESPACE(name=name)
            problems.append(Problem(reason=reason, where=where, expected="a DNS label, as in shop"))

    def pods(
        option: str, texts: Sequence[str], names: Iterable[str]
    ) -> dict[str, Mapping[str, str]]:
        read = _read(option, texts, names, problems)
        return {name: _labels(f"{option} {name}", text, problems) for name, text in read.items()}

    apps = pods("--app", options.apps, topology.apps)
    services = pods("--service", options.services, topology.services)
    external = _read("--external", options.external, topology.services, problems)
    outside = {
        name: _hosts(f"--external {name}", text, problems) for name, text in external.items()
    }
    for name in services.keys() & outside.keys():
        where, expected = f"--external {name}", "--service or --external, not both"
        problems.append(Problem(reason=TWO_PLACES(name=name), where=where, expected=expected))
    if problems:
        raise SpecError(problems)

    def placed(name: str, labels: Mapping[str, str]) -> Pods:
        return Pods(namespace=elsewhere.get(name, options.namespace), labels=labels)

    return Cluster(
        apps={name: placed(name, labels) for name, labels in apps.items()},
        services={
            **{name: placed(name, labels) for name, labels in services.items()},
            **{name: Outside(hosts=hosts) for name, hosts in outside.items()},
        },
    )


def _read(
    option: str, texts: Sequence[str], known: Iterable[str], problems: list[Problem]
) -> dict[str, str]:
    """Maps each NAME to its text, from entries `NAME=text`. Mistakes are appended to `problems`."""
    known, found = tuple(known), dict[str, str]()
    for text in texts:
        name, equals, rest = text.partition("=")
        where = f"{option} {text}"
        if not equals or not rest:
            problems.append(Problem(reason=NO_NAME(), where=where, expected=_FORMS[option]))
        elif name not in known:
            reason, expected = UNKNOWN_NAME(kind="name", name=name), "one of: " + ", ".join(known)
            fix = did_you_mean(name, known)
            problems.append(Problem(reason=reason, where=where, expected=expected, fix=fix))
        elif name in found:
            reason, expected = GIVEN_TWICE(name=name), "one entry for each name"
            problems.append(Problem(reason=reason, where=where, expected=expected))
        else:
            found[name] = rest
    return found


def _labels(where: str, text: str, problems: list[Problem]) -> dict[str, str]:
    labels = dict[str, str]()
    for entry in text.split(","):
        key, equals, value = entry.partition("=")
        if not (equals and _LABEL_KEY.fullmatch(key) and _LABEL_VALUE.fullmatch(value)):
            reason = NOT_A_LABEL(label=entry)
            problems.append(Problem(reason=reason, where=where, expected=LABELS))
        elif labels.setdefault(key, value) != value:
            problems.append(Problem(reason=TWO_VALUES(key=key), where=where, expected="one"))
    return labels


def _hosts(where: str, text: str, problems: list[Problem]) -> tuple[str, ...]:
    hosts = tuple(text.split(","))
    for host in hosts:
        name, colon, port = host.partition(":")
        right_port = not colon or (port.isdecimal() and 0 < int(port) < 65536)
        if not (right_port and (_is_network(name) or _is_name(name))):
            expected = (
                "an IPv4 address, a network as in 10.20.0.0/16, or a DNS name,"
                " with or without :PORT"
            )
            problems.append(Problem(reason=NOT_A_HOST(host=host), where=where, expected=expected))
    return hosts


def _is_network(text: str) -> bool:
    try:
        IPv4Network(text, strict=False)
    except (AddressValueError, NetmaskValueError, ValueError):
        return False
    return True


def _is_name(text: str) -> bool:
    looks_like_an_address = text.replace(".", "").isdecimal()
    return bool(_DNS_NAME.fullmatch(text)) and not looks_like_an_address


def _flat(option: str, entries: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in entries.items():
        yield f"{option} {name}", value


_FORMS = {
    "--app": LABELS,
    "--service": LABELS,
    "--external": HOSTS,
    "--namespace-of": "NAME=NAMESPACE, as in postgres=data",
}
