"""The selector under the engine's event loop: timers exact below a millisecond, sockets direct.

Two things asyncio's own selector cannot do matter here. It rounds every wait up to a whole
millisecond, which would be the largest error of a latency toxic; and it hands each readable
socket to the loop as a queued callback, which costs more than the relaying itself.
"""

from __future__ import annotations

import contextlib
import select
import selectors
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
TROUBLE = select.EPOLLERR | select.EPOLLHUP

# select() can only watch descriptors below this number; the epoll descriptor is made first.
_FD_SETSIZE = 1024
_BATCH = 512

Handler = Callable[[int], None]


class Poller(selectors.BaseSelector):
    """An epoll selector for asyncio whose data sockets are served inside `select`.

    `watch`, `change` and `forget` are for data sockets; the rest is asyncio's protocol. A handler
    gets the event mask. It may watch and forget any descriptor, its own included.
    """

    def __init__(self, on_bug: Callable[[BaseException], None]) -> None:
        self._epoll = select.epoll()
        self._keys: dict[int, selectors.SelectorKey] = {}
        self._handlers: dict[int, Handler] = {}
        self._on_bug = on_bug

    def watch(self, fd: int, mask: int, handler: Handler) -> None:
        """Call `handler(events)` whenever `fd` is ready for something in `mask` or in trouble."""
        self._epoll.register(fd, mask)
        self._handlers[fd] = handler

    def change(self, fd: int, mask: int) -> None:
        """Watch the already watched `fd` for something else; `mask` may not be empty."""
        self._epoll.modify(fd, mask)

    def forget(self, fd: int) -> None:
        """Stop watching `fd`; must come before it is closed."""
        if self._handlers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait, serve the data sockets, and return asyncio's own events."""
        asyncs: list[tuple[selectors.SelectorKey, int]] = []
        handlers, keys = self._handlers, self._keys
        for fd, mask in self._wait(timeout):
            handler = handlers.get(fd)
            if handler is not None:
                try:
                    handler(mask)
                except Exception as bug:  # one connection's bug must not stop the network
                    self._on_bug(bug)
            elif fd in keys:
                key = keys[fd]
                ready = (mask & ~READ and selectors.EVENT_WRITE) | (
                    mask & ~WRITE and selectors.EVENT_READ
                )
                asyncs.append((key, ready & key.events))
        return asyncs

    def _wait(self, timeout: float | None) -> list[tuple[int, int]]:
        if timeout is None:
            return self._epoll.poll(None, _BATCH)
        if timeout > 0:
            if self._epoll.fileno() >= _FD_SETSIZE:
                return self._epoll.poll(timeout, _BATCH)
            select.select((self._epoll,), (), (), timeout)
        return self._epoll.poll(0, _BATCH)

    def register(
        self, fileobj: FileDescriptorLike, events: int, data: object = None
    ) -> selectors.SelectorKey:
        """Asyncio's own descriptors; as `selectors.BaseSelector` says."""
        fd = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        if fd in self._keys:
            raise KeyError(f"{fileobj!r} (FD {fd}) is already registered")
        key = selectors.SelectorKey(fileobj, fd, events, data)
        self._epoll.register(fd, _epoll_mask(events))
        self._keys[fd] = key
        return key

    def modify(
        self, fileobj: FileDescriptorLike, events: int, data: object = None
    ) -> selectors.SelectorKey:
        """As `selectors.BaseSelector` says."""
        old = self.get_key(fileobj)
        key = old._replace(events=events, data=data)
        if events != old.events:
            self._epoll.modify(old.fd, _epoll_mask(events))
        self._keys[old.fd] = key
        return key

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        """As `selectors.BaseSelector` says."""
        key = self.get_key(fileobj)
        del self._keys[key.fd]
        with contextlib.suppress(OSError):  # it may be closed already
            self._epoll.unregister(key.fd)
        return key

    def get_key(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        """The key of a registered descriptor, KeyError otherwise."""
        fd = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        try:
            return self._keys[fd]
        except KeyError:
            raise KeyError(f"{fileobj!r} is not registered") from None

    def get_map(self) -> Mapping[FileDescriptorLike, selectors.SelectorKey]:
        """Asyncio's own descriptors."""
        return dict(self._keys.items())

    def close(self) -> None:
        """Close the epoll descriptor; nothing is watched any more."""
        self._epoll.close()
        self._keys.clear()
        self._handlers.clear()


def _epoll_mask(events: int) -> int:
    mask = 0
    if events & selectors.EVENT_READ:
        mask |= READ
    if events & selectors.EVENT_WRITE:
        mask |= WRITE
    return mask
