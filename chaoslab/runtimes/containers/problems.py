"""What goes wrong with an engine and its containers, told as where, what, and the fix."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

from chaoslab import services
from chaoslab.errors import ChaoslabError, RuntimeUnavailable, ServiceFailed
from chaoslab.runtimes.containers.address import engine_address
from chaoslab.runtimes.containers.engine_problems import no_engine, root_of

AIRGAPPED = "docker/airgapped/images.sh"
_PULL = re.compile(
    r"pull access denied|manifest (?:for|unknown)|manifest unknown|repository .*not found|"
    r"no such image|toomanyrequests|unauthorized|registry|dial tcp: lookup|TLS handshake timeout|"
    r"failed to resolve reference|x509:|proxyconnect",
    re.IGNORECASE,
)
_DENIED = re.compile(r"denied|unauthorized|toomanyrequests|authentication required", re.IGNORECASE)
_ABSENT = re.compile(r"manifest .*unknown|not found|no such image", re.IGNORECASE)
_PORT = re.compile(r"(?:port is already allocated|address already in use)", re.IGNORECASE)
_NOT_RUN = re.compile(r"executable file not found|exec format error|no such file or directory")
_NAME = re.compile(
    r'(container|network|volume)\b.* name "?/?([^" ]+)"? (?:is already in use|already exists)'
)
_FULL = re.compile(r"address pools|non-overlapping", re.IGNORECASE)
_USES = (*services.kinds(), "toxiproxy", "python")
_EXITS = {
    125: "the engine could not run it",
    126: "no permission to execute its program",
    127: "its program is not in the image",
    137: "SIGKILL: it was killed, or out of memory",
    139: "SIGSEGV: it crashed",
    143: "SIGTERM",
}


class PortTaken(ServiceFailed):
    """Somebody else has the port that a container was to publish; another port may do."""


class NameTaken(ServiceFailed):
    """A container or network of that name is there already."""


class EngineGone(RuntimeUnavailable):
    """The engine answered before and does not any more."""


@contextmanager
def told(what: str, *, image: str = "") -> Iterator[None]:
    """Let every failure of docker-py and Testcontainers in the block come out as chaoslab's own.

    `what` is what the block makes, as in `service postgres`; `image` the image that it needs.
    """
    try:
        yield
    except ChaoslabError:
        raise
    except Exception as error:
        problem = problem_of(what, error, image=image)
        if problem is None:
            raise
        raise problem from error


def problem_of(what: str, error: BaseException, *, image: str = "") -> ChaoslabError | None:
    """What a failure of docker-py or Testcontainers means; None for a failure of something else.

    RuntimeUnavailable is what the machine lacks, ServiceFailed what a container did.
    """
    if isinstance(error, ModuleNotFoundError):
        return _not_installed(what, error)
    try:
        import docker.errors  # noqa: PLC0415  (half a second, and here it is loaded already)
        import requests  # noqa: PLC0415
        import urllib3.exceptions  # noqa: PLC0415
        from testcontainers.core import exceptions  # noqa: PLC0415
    except ModuleNotFoundError:
        return None
    if isinstance(error, docker.errors.BuildError):
        return not_built(what, _build_log(error.build_log), str(error.msg), image=image)
    if isinstance(error, docker.errors.APIError):
        url = str(getattr(error.response, "url", ""))
        return _refused(what, str(error.explanation or error), url, image=image)
    if isinstance(error, docker.errors.ContainerError):
        said = (error.stderr or b"").decode(errors="replace").splitlines()
        return exited(what, exit_code=error.exit_status, log=said)
    if isinstance(error, docker.errors.DockerException):
        return RuntimeUnavailable(no_engine(engine_address(), error, what=what))
    # A stream that breaks off comes out of the layers below the client.
    broken = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, ConnectionError)
    if isinstance(error, broken):
        return _gone(what, error)
    if isinstance(error, exceptions.ContainerStartException | exceptions.ContainerConnectException):
        return ServiceFailed(f"{what}: {error}")
    return None


def not_pulled(what: str, image: str, said: str) -> RuntimeUnavailable:
    """An image that is not here and that the engine did not get either."""
    if _ABSENT.search(said) and not _DENIED.search(said):
        why, first = "no registry has it", "check its name and tag"
    elif _DENIED.search(said):
        why, first = "the registry denies access", "check its name, or `docker login`"
    else:
        why = "no registry is reachable from here"
        first = f"`docker pull {image}` on another machine, then `docker save` and `docker load`"
    variable = _variable(what, image)
    other = f"set another image with {variable}" if variable else "set another image in [images]"
    lacks = f"{what}: image {image} is not on this machine and cannot be pulled: {why}"
    return RuntimeUnavailable(
        f"{lacks}\n  the engine says: {_short(said)}\n"
        f"  {first}; or {other}; or build stand-ins without a registry: `{AIRGAPPED}`"
    )


def not_built(what: str, log: Sequence[str], said: str, *, image: str = "") -> ChaoslabError:
    """A `docker build` that failed, with the last lines that it said."""
    if _PULL.search(said) and not said.startswith("The command"):
        base = next((line.split()[-1] for line in reversed(log) if " FROM " in line), "")
        return not_pulled(what, base or "named by FROM", said)
    built = f" {image}" if image else ""
    return ServiceFailed(
        f"{what}: image{built} could not be built: {_short(said)}\n"
        f"  build it by hand with `docker build`; its last lines:\n{_lines(log)}"
    )


def exited(
    what: str, *, exit_code: int, log: Sequence[str], out_of_memory: bool = False
) -> ServiceFailed:
    """A container that ended by itself, with its last log lines."""
    means = "it was out of memory" if out_of_memory else _EXITS.get(exit_code, "")
    status = f"{exit_code} ({means})" if means else f"{exit_code}"
    return ServiceFailed(
        f"{what}: its container exited with status {status}\n"
        f"  expected it to keep running; its last log lines:\n{_lines(log)}"
    )


def failed_inside(
    what: str, command: Sequence[str], *, status: int, output: Sequence[str]
) -> ServiceFailed:
    """A command that the lab ran in a server's container, and that failed."""
    return ServiceFailed(
        f"{what}: `{' '.join(command)}` failed with status {status} in its container\n"
        f"  check that its image has this program; its last lines:\n{_lines(output[-12:])}"
    )


def unanswered(
    what: str, *, inside: int, published: str, within_s: float, log: Sequence[str]
) -> ServiceFailed:
    """A server that runs and cannot be reached: it is not ready, or its port is not mapped."""
    return ServiceFailed(
        f"{what}: no answer on {published}, where the engine publishes its port {inside}, within "
        f"{within_s:g} s\n"
        f"  check in its last log lines that it listens on {inside}; if so, the engine has "
        f"not mapped the port (`docker port`, `journalctl -u docker`):\n{_lines(log)}"
    )


def _refused(what: str, said: str, url: str, *, image: str) -> ChaoslabError:
    if _PORT.search(said):
        port = re.search(r"(\d+(?:\.\d+){3}):(\d+)", said)
        named = f"{port[1]}:{port[2]}" if port else "its port"
        return PortTaken(
            f"{what}: {named} is taken: {_short(said)}\n"
            f"  find its user with `ss -ltnp`, or remove the port to get a free one"
        )
    if match := _NAME.search(said):
        return NameTaken(
            f"{what}: a {match[1]} named {match[2]} already exists: it belongs to "
            "another lab, or was left by a killed lab\n"
            "  `chaoslab clean` removes what killed labs left, and nothing of running labs"
        )
    pulled = _pulled(url)
    if pulled or "no such image" in said.lower():
        named = pulled or image or said.rpartition("image: ")[2] or "(unnamed)"
        return not_pulled(what, named, said)
    if _FULL.search(said):
        return RuntimeUnavailable(
            f"{what}: the engine has no addresses left for another network: {_short(said)}\n"
            "  `chaoslab clean` removes those of killed labs, `docker network prune` unused ones; "
            "or run fewer workers"
        )
    if "no space left" in said:
        return RuntimeUnavailable(
            f"{what}: the engine's disk is full: {_short(said)}\n"
            "  see `docker system df`; `docker image prune` and `chaoslab clean` free space"
        )
    if _NOT_RUN.search(said):
        return ServiceFailed(
            f"{what}: its program cannot be executed: {_short(said)}\n"
            "  check the command, and that the image has it for this machine's architecture"
        )
    if "No such container" in said or "No such network" in said:
        return ServiceFailed(
            f"{what}: it was removed while the lab ran: {_short(said)}\n"
            "  expected it to stay until the lab ends; check for a `docker rm` or a prune"
        )
    return RuntimeUnavailable(
        f"{what}: the Docker engine refused: {_short(said)}\n"
        "  `chaoslab doctor` shows what is missing"
    )


def _gone(what: str, error: BaseException) -> EngineGone:
    cause = root_of(error)
    return EngineGone(
        f"{what}: the Docker engine stopped answering during the run: {_short(str(cause))}\n"
        f"  expected it at {engine_address().url} until the lab ends; see its log "
        "(`journalctl -u docker`), start it (`systemctl start docker`), then `chaoslab clean`"
    )


def _not_installed(what: str, error: ModuleNotFoundError) -> RuntimeUnavailable | None:
    if (error.name or "").partition(".")[0] not in ("docker", "testcontainers"):
        return None
    return RuntimeUnavailable(
        f"{what}: the Python package {error.name} is not installed\n"
        "  `pip install 'chaoslab[containers]'`"
    )


def _variable(what: str, image: str) -> str:
    for text in (what.lower(), image.lower()):
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
    said = [str(each.get("stream", "")) for each in log if isinstance(each, dict)]
    return tuple("".join(said).splitlines()[-15:])


def _lines(log: Sequence[str]) -> str:
    return "\n".join(f"  | {line}" for line in log) or "  | (nothing)"


def _short(said: str, most: int = 300) -> str:
    text = " ".join(said.split())
    return text if len(text) <= most else text[: most - 1] + "…"
