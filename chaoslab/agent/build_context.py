"""The build context of the agent's image: its files, and a hash of them."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_DOCKERFILE = "chaoslab/agent/Dockerfile"
# The agent and what it imports. The engine is included so that the same image can run it in place
# of Toxiproxy's image.
_PATTERNS = (
    *(
        "__init__.py",
        "clock.py",
        "errors.py",
        "network.py",
        "printable.py",
        "reason.py",
        "seeds.py",
    ),
    *("model/__init__.py", "model/sighting.py", "agent/*.py", "engine/**/*.py"),
)


def files() -> dict[str, bytes]:
    """Maps the path of each file of the build context to its content, with a Dockerfile at the
    root.

    Raises FileNotFoundError if chaoslab was installed without its Dockerfile, or without h11.
    """
    found = {name: path.read_bytes() for name, path in sorted(_paths())}
    return {"Dockerfile": found[_DOCKERFILE], **found}


@functools.cache
def content_hash() -> str:
    """12 hexadecimal digits, which change when a file of the build context changes."""
    digest = hashlib.sha256()
    for name, content in files().items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]


def _paths() -> Iterator[tuple[str, Path]]:
    yield _DOCKERFILE, _PACKAGE.parent / _DOCKERFILE
    for pattern in _PATTERNS:
        for path in _PACKAGE.glob(pattern):
            yield f"chaoslab/{path.relative_to(_PACKAGE).as_posix()}", path
    spec = find_spec("h11")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package h11 is not installed; the proxy engine needs it")
    for path in Path(spec.origin).parent.glob("*.py"):
        yield f"h11/{path.name}", path
