"""As whom servers run, and where a lab keeps its files."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path

from chaoslab.errors import RuntimeUnavailable
from chaoslab.machine.environment import environment
from chaoslab.machine.process import Identity

NOBODY = 65_534
_ROOM_BYTES = 256 * 1024 * 1024
_MEMORY = Path("/dev/shm")


def server_identity() -> Identity:
    """Who runs PostgreSQL: it refuses root, so root hands it to nobody (65534)."""
    return Identity(uid=NOBODY, gid=NOBODY) if os.geteuid() == 0 else Identity()


def reachable(path: Path, identity: Identity) -> bool:
    """Whether that user can enter every folder above `path`, and read and run what lies there."""
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
    """The folder for what is made once per machine; made if it is not there.

    `CHAOSLAB_CACHE_DIR`, else `~/.cache/chaoslab`, else one below /var/tmp if the home is out of
    the servers' reach or cannot be written. Raises RuntimeUnavailable if it cannot be used.
    """
    env = environment()
    if named := env.get("CHAOSLAB_CACHE_DIR"):
        return _made(Path(named).expanduser().absolute(), f"CHAOSLAB_CACHE_DIR={named}")
    home = Path(env.get("HOME", ""))
    if home.is_absolute() and os.access(home, os.W_OK | os.X_OK) and reachable(home, identity):
        return _made(home / ".cache" / "chaoslab", "the cache")
    shared = _made(Path("/var/tmp", f"chaoslab-{os.geteuid()}"), "the cache")
    # Programs are run out of it, so it must not be a trap that somebody else laid.
    if shared.is_symlink() or shared.stat().st_uid != os.geteuid():
        raise RuntimeUnavailable(
            f"the cache: {shared} is not a folder of user {os.geteuid()}\n"
            "  remove it, or set CHAOSLAB_CACHE_DIR to a folder of your own"
        )
    return shared


def _made(folder: Path, name: str) -> Path:
    fix = "set CHAOSLAB_CACHE_DIR to a writable folder"
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
    except OSError as error:
        raise RuntimeUnavailable(
            f"{name}: cannot make {folder}: {error.strerror}\n  {fix}"
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise RuntimeUnavailable(f"{name}: {folder} is not writable\n  {fix}")
    return folder


def lab_folder(lab_id: str) -> Path:
    """Where a lab's data goes: in memory if there is room for it, else the temporary folder.

    The folder is not made here, so that the watchdog can know of it first.
    """
    try:
        roomy = shutil.disk_usage(_MEMORY).free >= _ROOM_BYTES and os.access(_MEMORY, os.W_OK)
    except OSError:
        roomy = False
    return (_MEMORY if roomy else Path(tempfile.gettempdir())) / f"chaoslab-{lab_id}"


def make_home(folder: Path, identity: Identity) -> None:
    """A new folder that only the server's user may enter."""
    folder.mkdir(mode=0o700)
    if identity.uid is not None and identity.gid is not None:
        os.chown(folder, identity.uid, identity.gid)
