"""Turns failures of the engine's clients into chaoslab's errors, with codes and fixes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

from chaoslab import services
from chaoslab.errors import (
    NOT_INSTALLED,
    ChaoslabError,
    ErrorCode,
    Problem,
    RuntimeUnavailable,
    ServiceFailed,
)
from chaoslab.machine.ports import PortTaken
from chaoslab.machine.trouble import last_lines
from chaoslab.runtimes.containers.address import engine_address
from chaoslab.runtimes.containers.engine_problems import no_engine, root_of

NOT_PULLED = ErrorCode(
    "image.not_pulled",
    "image {image} is not on this machine and cannot be pulled: {cause}",
    "The engine does not have an image and could not pull it from a registry.",
)
NOT_BUILT = ErrorCode(
    "image.not_built",
    "{image} could not be built: {answer}",
    "The build of a container image failed.",
)
EXITED = ErrorCode(
    "container.exited",
    "its container exited with status {status}",
    "A container that should run has ended.",
)
FAILED_INSIDE = ErrorCode(
    "container.command_failed",
    "the command '{command}' failed with status {status} in its container",
    "A command that the lab ran in a server's container failed.",
)
NO_ANSWER = ErrorCode(
    "container.no_answer",
    "no answer on {published}, where the engine publishes its port {inside}, within {within_s:g} s",
    "A server in a container does not answer its protocol at its published port.",
)
NOT_STARTED = ErrorCode("container.not_started", "{answer}", "A container did not start.")
ADDRESS_TAKEN = ErrorCode(
    "container.port_taken",
    "{address} is taken: {answer}",
    "Another process uses a port that a container should publish.",
)
NAME_TAKEN = ErrorCode(
    "container.name_taken",
    "a {kind} named {name} already exists: it belongs to another lab, or was left by a killed lab",
    "The engine already has a container, network or volume of that name.",
)
NO_ADDRESSES = ErrorCode(
    "engine.no_addresses",
    "the engine has no addresses left for another network: {answer}",
    "The engine cannot make another network.",
)
DISK_FULL = ErrorCode(
    "engine.disk_full", "the engine's disk is full: {answer}", "The engine has no disk space left."
)
NOT_EXECUTED = ErrorCode(
    "container.not_executed",
    "its program cannot be executed: {answer}",
    "The engine cannot execute the program of a container.",
)
REMOVED = ErrorCode(
    "container.removed",
    "it was removed while the lab ran: {answer}",
    "A container or a network of the lab no longer exists.",
)
REFUSED = ErrorCode(
    "engine.refused", "the Docker engine refused: {answer}", "The engine refused a request."
)
ENGINE_GONE = ErrorCode(
    "engine.gone",
    "the Docker engine stopped answering during the run: {cause}",
    "The engine answered before, and does not answer now.",
)
AIRGAPPED = "docker/airgapped/images.sh"
_OF_EXTRA = ("docker", "testcontainers")
_PULL = re.compile(
    r"pull access denied|manifest (?:for|unknown)|manifest unknown|repository .*not found|"
    r"no such image|toomanyrequests|unauthorized|registry|dial tcp: lookup|TLS handshake timeout|"
    r"failed to resolve reference|x509:|proxyconnect",
    re.IGNORECASE,
)
_DENIED = re.compile(r"denied|unauthorized|toomanyrequests|authentication required", re.IGNORECASE)
_ABSENT = re.compile(r"manifest .*unknown|not found|no such image", re.IGNORECASE)
_PORT = re.compile(r"(?:port is already allocated|address already in use)", re.IGNORECASE)
_NAME = re.compile(
    r'(container|network|volume)\b.* name "?/?([^" ]+)"? (?:is already in use|already exists)'
)
# Other answers of the engine: the error, its code, and the fix.
_ANSWERS: tuple[tuple[re.Pattern[str], type[ChaoslabError], ErrorCode, str], ...] = (
    (
        re.compile(r"address pools|non-overlapping", re.IGNORECASE),
        RuntimeUnavailable,
        NO_ADDRESSES,
        "`chaoslab clean` removes those of killed labs, `docker network prune` unused ones; "
        "or run fewer workers",
    ),
    (
        re.compile(r"no space left"),
        RuntimeUnavailable,
        DISK_FULL,
        "see `docker system df`; `docker image prune` and `chaoslab clean` free space",
    ),
    (
        re.compile(r"executable file not found|exec format error|no such file or directory"),
        ServiceFailed,
        NOT_EXECUTED,
        "check the command, and that the image has it for this machine's architecture",
    ),
    (
        re.compile(r"No such (container|network)"),
        ServiceFailed,
        REMOVED,
        "it should stay until the lab ends: check for a `docker rm` or a prune",
    ),
)
_USES = (*services.kinds(), "toxiproxy", "python")
_EXITS = {
    125: "the engine could not run it",
    126: "no permission to execute its program",
    127: "its program is not in the image",
    137: "SIGKILL: it was killed, or out of memory",
    139: "SIGSEGV: it crashed",
    143: "SIGTERM",
}


class NameTaken(ServiceFailed):
    """The engine already has a container, network or volume of that name."""


class EngineGone(RuntimeUnavailable):
    """The engine answered before, and does not answer now."""


@contextmanager
def engine_errors(where: str, *, image: str = "") -> Iterator[None]:
    """Turn failures of docker-py and Testcontainers in the `with` block into chaoslab's errors.

    `where` is what the block makes or uses, as in `container postgres`; `image` is the image that
    it needs. Other exceptions pass unchanged.
    """
    try:
        yield
    except ChaoslabError:
        raise
    except Exception as error:
        known = _known(where, error, image=image)
        if known is None:
            raise
        raise known from error


def _known(where: str, error: BaseException, *, image: str) -> ChaoslabError | None:
    """The chaoslab error for a failure of the engine's clients; None if the failure is not known.

    In most cases, RuntimeUnavailable if this machine lacks something, ServiceFailed if a container
    failed.
    """
    if isinstance(error, ModuleNotFoundError):
        return _not_installed(where, error)
    try:
        import docker.errors  # noqa: PLC0415  (half a second; after an error it is loaded already)
        import requests  # noqa: PLC0415
        import urllib3.exceptions  # noqa: PLC0415
        from testcontainers.core import exceptions  # noqa: PLC0415
    except ModuleNotFoundError:
        return None
    if isinstance(error, docker.errors.BuildError):
        return _not_built(where, _build_log(error.build_log), str(error.msg), image=image)
    if isinstance(error, docker.errors.APIError):
        url = str(getattr(error.response, "url", ""))
        return _refused(where, str(error.explanation or error), url, image=image)
    if isinstance(error, docker.errors.ContainerError):
        output = (error.stderr or b"").decode(errors="replace").splitlines()
        return exited(where, exit_code=error.exit_status, log=output)
    if isinstance(error, docker.errors.DockerException):
        return RuntimeUnavailable(no_engine(engine_address(), error, where=where))
    # A stream that breaks off raises an error of the layers below the client.
    broken = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, ConnectionError)
    if isinstance(error, broken):
        return _engine_gone(where, error)
    if isinstance(error, exceptions.ContainerStartException | exceptions.ContainerConnectException):
        return ServiceFailed(Problem(where=where, reason=NOT_STARTED(answer=str(error))))
    return None


def not_pulled(where: str, image: str, answer: str) -> RuntimeUnavailable:
    """The RuntimeUnavailable for an image that the engine does not have and could not pull;
    `answer` is the engine's answer.
    """
    if _ABSENT.search(answer) and not _DENIED.search(answer):
        cause, first = "no registry has it", "check its name and tag"
    elif _DENIED.search(answer):
        cause, first = "the registry denies access", "check its name, or `docker login`"
    else:
        cause = "no registry is reachable from here"
        first = f"`docker pull {image}` on another machine, then `docker save` and `docker load`"
    variable = _variable(where, image)
    other = f"set another image with {variable}" if variable else "set another image in [images]"
    return RuntimeUnavailable(
        Problem(
            where=where,
            reason=NOT_PULLED(image=image, cause=cause),
            got=f"from the engine: {_short(answer)}",
            fix=f"{first}; or {other}; or build stand-ins without a registry: `{AIRGAPPED}`",
        )
    )


def exited(
    where: str, *, exit_code: int, log: Sequence[str], out_of_memory: bool = False
) -> ServiceFailed:
    """The error for a container that ended by itself, with its last log lines."""
    means = "it was out of memory" if out_of_memory else _EXITS.get(exit_code, "")
    status = f"{exit_code} ({means})" if means else f"{exit_code}"
    return ServiceFailed(
        Problem(
            where=where,
            reason=EXITED(status=status),
            expected="it to keep running",
            fix="see its last log lines",
            lines=last_lines(log),
        )
    )


def failed_inside(
    where: str, command: Sequence[str], *, status: int, output: Sequence[str]
) -> ServiceFailed:
    """The error for a command that the lab ran in a server's container and that failed."""
    return ServiceFailed(
        Problem(
            where=where,
            reason=FAILED_INSIDE(command=" ".join(command), status=status),
            fix="check that its image has this program",
            lines=last_lines(output[-12:]),
        )
    )


def unanswered(
    where: str, *, inside: int, published: str, within_s: float, log: Sequence[str]
) -> ServiceFailed:
    """The error for a server that runs but does not answer at its published port.

    Either it is not ready, or the engine has not mapped the port.
    """
    return ServiceFailed(
        Problem(
            where=where,
            reason=NO_ANSWER(published=published, inside=inside, within_s=within_s),
            fix=f"check in its last log lines that it listens on {inside}; if so, the engine has "
            "not mapped the port (`docker port`, `journalctl -u docker`)",
            lines=last_lines(log),
        )
    )


def _not_built(where: str, log: Sequence[str], answer: str, *, image: str) -> ChaoslabError:
    if _PULL.search(answer) and not answer.startswith("The command"):
        base = next((line.split()[-1] for line in reversed(log) if " FROM " in line), "")
        return not_pulled(where, base or "named by FROM", answer)
    named = f"image {image}" if image else "image"
    return ServiceFailed(
        Problem(
            where=where,
            reason=NOT_BUILT(image=named, answer=_short(answer)),
            fix="build it by hand with `docker build`; see its last lines",
            lines=last_lines(log),
        )
    )


def _refused(where: str, answer: str, url: str, *, image: str) -> ChaoslabError:
    pulled, short = _pulled(url), _short(answer)
    if _PORT.search(answer):
        port = re.search(r"(\d+(?:\.\d+){3}):(\d+)", answer)
        address = f"{port[1]}:{port[2]}" if port else "its port"
        reason = ADDRESS_TAKEN(address=address, answer=short)
        fix = "find its user with `ss -ltnp`, or remove the port to get a free one"
        return PortTaken(Problem(where=where, reason=reason, fix=fix))
    if match := _NAME.search(answer):
        reason = NAME_TAKEN(kind=match[1], name=match[2])
        fix = "`chaoslab clean` removes what killed labs left, and nothing of running labs"
        return NameTaken(Problem(where=where, reason=reason, fix=fix))
    if pulled or "no such image" in answer.lower():
        named = pulled or image or answer.rpartition("image: ")[2] or "(unnamed)"
        return not_pulled(where, named, answer)
    for pattern, error, code, fix in _ANSWERS:
        if pattern.search(answer):
            return error(Problem(where=where, reason=code(answer=short), fix=fix))
    fix = "`chaoslab doctor` shows what is missing"
    return RuntimeUnavailable(Problem(where=where, reason=REFUSED(answer=short), fix=fix))


def _engine_gone(where: str, error: BaseException) -> EngineGone:
    return EngineGone(
        Problem(
            where=where,
            reason=ENGINE_GONE(cause=_short(str(root_of(error)))),
            expected=f"it at {engine_address().url} until the lab ends",
            fix="see its log (`journalctl -u docker`), start it (`systemctl start docker`), "
            "then `chaoslab clean`",
        )
    )


def _not_installed(where: str, error: ModuleNotFoundError) -> RuntimeUnavailable | None:
    package = error.name or ""
    if package.partition(".")[0] not in _OF_EXTRA:
        return None
    reason = NOT_INSTALLED(needed_by=where, package=package)
    return RuntimeUnavailable(Problem(reason=reason, fix="`pip install 'chaoslab[containers]'`"))


def _variable(where: str, image: str) -> str:
    for text in (where.lower(), image.lower()):
        for use in _USES:
            if use in text:
                return f"CHAOSLAB_IMAGE_{use.upper()}"
    return ""


def _pulled(url: str) -> str:
    # The image that a call to /images/create was about.
    query = parse_qs(urlsplit(url).query)
    names, tags = query.get("fromImage", []), query.get("tag", [])
    return ":".join([*names[:1], *tags[:1]]) if names else ""


def _build_log(log: Iterable[object]) -> tuple[str, ...]:
    lines = [str(each.get("stream", "")) for each in log if isinstance(each, dict)]
    return tuple("".join(lines).splitlines()[-15:])


def _short(text: str, most: int = 300) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"
