"""Chooses the user that servers run as, and the folders of a lab and of the cache."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path

from chaoslab.errors import ErrorCode, Problem, RuntimeUnavailable
from chaoslab.machine.environment import environment
from chaoslab.machine.process import Identity

CACHE_UNUSABLE = ErrorCode(
    "cache.unusable",
    "cannot use the folder {folder}: {cause}",
    "The folder of files that are made once per machine cannot be made, written or trusted.",
)
NOBODY = 65_534
_ROOM_BYTES = 256 * 1024 * 1024
_MEMORY = Path("/dev/shm")


def server_identity() -> Identity:
    """The user that servers run as: the user of this process, but nobody (65534) in place of root.

    PostgreSQL refuses to run as root.
    """
    return Identity(uid=NOBODY, gid=NOBODY) if os.geteuid() == 0 else Identity()


def reachable(path: Path, identity: Identity) -> bool:
    """Whether the user `identity` can enter every folder above `path`, and read and execute
    `path`.
    """
    if not identity.drops:
        return os.access(path, os.R_OK | os.X_OK)
    try:
        real = path.resolve(strict=True)
        enters = all(_allowed(folder, identity, stat.S_IXOTH) for folder in real.parents)
        return enters and _allowed(real, identity, stat.S_IROTH | stat.S_IXOTH)
    except OSError:
        return False


def _allowed(path: Path, identity: Identity, wanted: int) -> bool:
    status = path.stat()
    mode = status.st_mode
    if status.st_uid == identity.uid:
        mode >>= 6
    elif status.st_gid == identity.gid:
        mode >>= 3
    return mode & wanted == wanted


def cache_folder(identity: Identity) -> Path:
    """The folder of files that are made once per machine; it is made if it is missing.

    It is `CHAOSLAB_CACHE_DIR`, else `~/.cache/chaoslab`, else a folder below /var/tmp if servers
    cannot read the home or the home is not writable. Raises RuntimeUnavailable if the folder cannot
    be used.
    """
    env = environment()
    if named := env.get("CHAOSLAB_CACHE_DIR"):
        return _made(Path(named).expanduser().absolute(), f"CHAOSLAB_CACHE_DIR={named}")
    home = Path(env.get("HOME", ""))
    if home.is_absolute() and os.access(home, os.W_OK | os.X_OK) and reachable(home, identity):
        return _made(home / ".cache" / "chaoslab", "the cache")
    shared = _made(Path("/var/tmp", f"chaoslab-{os.geteuid()}"), "the cache")
    # Programs in it are executed, so it must not be another user's.
    if shared.is_symlink() or shared.stat().st_uid != os.geteuid():
        reason = CACHE_UNUSABLE(folder=str(shared), cause=f"not of user {os.geteuid()}")
        fix = "remove it, or set CHAOSLAB_CACHE_DIR to a folder of your own"
        raise RuntimeUnavailable(Problem(where="the cache", reason=reason, fix=fix))
    return shared


def _made(folder: Path, name: str) -> Path:
    cause = ""
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
    except OSError as error:
        cause = f"cannot make it: {error.strerror}"
    if not cause and not os.access(folder, os.W_OK | os.X_OK):
        cause = "it is not writable"
    if cause:
        reason = CACHE_UNUSABLE(folder=str(folder), cause=cause)
        fix = "set CHAOSLAB_CACHE_DIR to a writable folder"
        raise RuntimeUnavailable(Problem(where=name, reason=reason, fix=fix))
    return folder


def lab_folder(lab_id: str) -> Path:
    """The path of a lab's folder. It is not made here, so that the watchdog knows it before it
    exists.
    """
    return roomy_folder() / f"chaoslab-{lab_id}"


def roomy_folder() -> Path:
    """The folder for large files of a lab: in memory if there is room, else the temporary one."""
    try:
        roomy = shutil.disk_usage(_MEMORY).free >= _ROOM_BYTES and os.access(_MEMORY, os.W_OK)
    except OSError:
        roomy = False
    return _MEMORY if roomy else Path(tempfile.gettempdir())


def make_home(folder: Path, identity: Identity) -> None:
    """Make a folder that only the user `identity` may enter."""
    folder.mkdir(mode=0o700)
    if identity.uid is not None and identity.gid is not None:
        os.chown(folder, identity.uid, identity.gid)


def write_private(path: Path, text: str, identity: Identity) -> None:
    """Write a new file that only the user `identity` may read, such as one with a password."""
    with open(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)
    if identity.uid is not None and identity.gid is not None:
        os.chown(path, identity.uid, identity.gid)
