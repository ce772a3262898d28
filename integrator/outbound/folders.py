"""A directory of this machine as a connected system: nothing outside it can be reached, by no path and no link."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
CHUNK = 65_536
_PRIVATE = 0o640
Runner = Callable[[Callable[[], Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A file: its path below the root, its bytes, milliseconds since the epoch."""

    path: str
    size: int
    modified_ms: int


def normal(path: str) -> str:
    """A path below a root without `.` and empty parts. Raises PermissionError where it leaves the root."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in path or path.startswith("/"):
        raise PermissionError("a path leaves the directory of its adapter")
    return "/".join(parts)


async def in_thread(work: Callable[[], T]) -> T:
    """Run what blocks beside the event loop."""
    return await asyncio.to_thread(work)


async def at_once(work: Callable[[], T]) -> T:
    """Run it here and now: for tests whose clock jumps."""
    return work()


class LocalFolder:
    """The files below one directory. `run` runs what blocks."""

    def __init__(self, root: Path, run: Runner = in_thread) -> None:
        self._root, self._run = root, run

    async def listing(self, path: str, deep: int) -> Sequence[Entry]:
        """The files below a directory, `deep` levels of directories down."""
        found: Sequence[Entry] = await self._run(lambda: list(self._listed(normal(path), deep)))
        return found

    def _listed(self, path: str, deep: int) -> Iterable[Entry]:
        try:
            place = self._inside(path)
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except FileNotFoundError:
            return
        for entry in entries:
            below = f"{path}/{entry.name}" if path else entry.name
            try:
                if entry.is_dir(follow_symlinks=False):
                    if deep:
                        yield from self._listed(below, deep - 1)
                elif entry.is_file(follow_symlinks=False):
                    known = entry.stat(follow_symlinks=False)
                    yield Entry(below, known.st_size, known.st_mtime_ns // 1_000_000)
            except FileNotFoundError:
                continue  # somebody took it meanwhile

    async def info(self, path: str) -> Entry | None:
        """A file, None where there is none."""

        def look() -> Entry | None:
            name = normal(path)
            try:
                known = os.lstat(self._inside(name))
            except (FileNotFoundError, NotADirectoryError):
                return None
            if not stat.S_ISREG(known.st_mode):
                return None
            return Entry(name, known.st_size, known.st_mtime_ns // 1_000_000)

        found: Entry | None = await self._run(look)
        return found

    async def read(self, path: str) -> AsyncIterator[bytes]:
        """Its content, piece by piece."""
        place = normal(path)
        handle: int = await self._run(lambda: os.open(self._inside(place), os.O_RDONLY | os.O_NOFOLLOW))
        try:
            while chunk := await self._run(lambda: os.read(handle, CHUNK)):
                yield chunk
        finally:
            os.close(handle)

    async def write(self, path: str, chunks: Iterable[bytes], *, append: bool, durable: bool) -> None:
        """Write a file; what was there goes, but where `append`."""

        def put() -> None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (os.O_APPEND if append else os.O_TRUNC)
            handle = os.open(self._inside(normal(path)), flags, _PRIVATE)
            try:
                for chunk in chunks:
                    view = memoryview(chunk)
                    while view:
                        view = view[os.write(handle, view) :]
                if durable:
                    os.fsync(handle)
            finally:
                os.close(handle)

        await self._run(put)

    async def rename(self, path: str, to: str) -> None:
        """Give it another place, whatever is there; directories are made."""

        def move() -> None:
            source = self._inside(normal(path))
            self._make(normal(to).rpartition("/")[0])
            os.replace(source, self._inside(normal(to)))  # noqa: PTH105 - both are texts already

        await self._run(move)

    async def delete(self, path: str) -> bool:
        """Remove it; False where there is none."""

        def remove() -> bool:
            try:
                os.unlink(self._inside(normal(path)))  # noqa: PTH108
            except FileNotFoundError:
                return False
            return True

        gone: bool = await self._run(remove)
        return gone

    async def make(self, path: str) -> None:
        """Make a directory, with those above it."""
        await self._run(lambda: self._make(normal(path)))

    async def touch(self, path: str, modified_ms: int) -> None:
        """Set its time."""
        times = (modified_ms * 1_000_000, modified_ms * 1_000_000)
        await self._run(lambda: os.utime(self._inside(normal(path)), ns=times, follow_symlinks=False))

    def _make(self, path: str) -> None:
        place = self._inside(path)
        place.mkdir(parents=True, exist_ok=True)
        self._inside(path)  # made now: no part of it may be a link

    def _inside(self, path: str) -> Path:
        """The place of a path; its directories, links resolved, are below the root."""
        place = self._root / path if path else self._root
        root = os.path.realpath(self._root)
        above = os.path.realpath(place.parent if path else place)
        if above != root and not above.startswith(root.rstrip("/") + "/"):
            raise PermissionError("a path leaves the directory of its adapter")
        return Path(above) / place.name if path else Path(above)
