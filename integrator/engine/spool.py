"""Large bodies outside memory: written to disk in chunks, encrypted with a key of their own, read again at will.

    body = services.spooling.body(chunks)        # bytes when small, a SpooledBody when large
    exchange.message.body = body

What stands on disk is unreadable to anybody else: the key lives in memory only, for one file, and the file
has no name any more once it is open. It is gone when the last message that has the body is gone, or the
process. `Message.as_bytes`, `as_text`, `as_xml`, `as_json` and the converters take such a body like bytes;
`open` and `chunks` read it without holding it, any number of times and side by side.
"""

from __future__ import annotations

import io
import os
import secrets
import tempfile
import weakref
from collections.abc import AsyncIterable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from integrator.exchange import Overloaded, StreamBody
from integrator.security.limits import DEFAULT, Limits

CHUNK = 65_536
"""Bytes read and written at once."""
_BLOCK = 16


class Spooling:
    """Keeps the large bodies of one process, and counts what they take.

    `directory` is where files are made (the system's by default; a tmpfs keeps them off the disk). Raises
    Overloaded from its methods where a body, or all bodies together, pass the limits.
    """

    def __init__(self, limits: Limits = DEFAULT, directory: Path | None = None) -> None:
        self.limits, self.directory = limits, directory
        self.bytes_on_disk = 0

    def writer(self) -> SpoolWriter:
        """A place to write a body of unknown size to, chunk by chunk."""
        return SpoolWriter(self)

    def body(self, chunks: Iterable[bytes]) -> bytes | SpooledBody:
        """The body made of these chunks."""
        with self.writer() as writer:
            for chunk in chunks:
                writer.write(chunk)
            return writer.finish()

    async def body_of(self, chunks: AsyncIterable[bytes]) -> bytes | SpooledBody:
        """The same for chunks that come one after the other."""
        with self.writer() as writer:
            async for chunk in chunks:
                writer.write(chunk)
            return writer.finish()

    def keep(self, data: bytes) -> bytes | SpooledBody:
        """Bytes that are in memory already: themselves when small."""
        if len(data) <= self.limits.spool_memory_bytes:
            return data
        view = memoryview(data)
        return self.body(bytes(view[start : start + CHUNK]) for start in range(0, len(data), CHUNK))

    def take(self, count: int) -> None:
        """Count bytes that go to disk. Raises Overloaded."""
        if self.bytes_on_disk + count > self.limits.spool_total_bytes:
            raise Overloaded("the large bodies of all exchanges fill the disk space they may have",
                             reason="spool-full")  # fmt: skip
        self.bytes_on_disk += count

    def give_back(self, count: int) -> None:
        """Count bytes that are gone."""
        self.bytes_on_disk -= count


PROCESS = Spooling()
"""What all routes of a process share, so that its limits are those of the process."""


class _File:
    """An open file without a name, its key, and how many bytes it has."""

    def __init__(self, spooling: Spooling) -> None:
        handle, path = tempfile.mkstemp(prefix="body-", dir=spooling.directory)
        os.unlink(path)  # noqa: PTH108 - mkstemp gives a text
        self.handle, self.size = handle, 0
        self.key, self.start = secrets.token_bytes(32), secrets.randbits(128)
        self._taken = [0]  # shared with the finaliser, which must not know the file itself
        self._spooling = spooling
        self.close = weakref.finalize(self, _gone, handle, spooling, self._taken)

    def cipher(self, position: int) -> CipherContext:
        """AES-256-CTR from the block that holds a position: the same way for writing and reading."""
        counter = (self.start + position // _BLOCK) % (1 << 128)
        mode = modes.CTR(counter.to_bytes(_BLOCK, "big"))
        return Cipher(algorithms.AES(self.key), mode).encryptor()

    def append(self, data: bytes) -> None:
        """Write bytes that are encrypted already. Raises Overloaded."""
        self._spooling.take(len(data))
        self._taken[0] += len(data)
        view = memoryview(data)
        while view:
            written = os.pwrite(self.handle, view, self.size)
            self.size += written
            view = view[written:]


def _gone(handle: int, spooling: Spooling, taken: list[int]) -> None:
    os.close(handle)
    spooling.give_back(taken[0])


class SpoolWriter:
    """Takes the chunks of one body: in memory first, on disk past `Limits.spool_memory_bytes`.

    Used with `with`: what is not finished is dropped.
    """

    def __init__(self, spooling: Spooling) -> None:
        self._spooling = spooling
        self._held: list[bytes] = []
        self._size = 0
        self._file: _File | None = None
        self._cipher: CipherContext | None = None

    def write(self, chunk: bytes) -> None:
        """Add a chunk. Raises Overloaded past `Limits.spool_body_bytes`, or where the disk space is used up."""
        self._size += len(chunk)
        limits = self._spooling.limits
        if self._size > limits.spool_body_bytes:
            raise Overloaded(f"a body has more than {limits.spool_body_bytes} bytes", reason="body-size")
        if self._file is None and self._size <= limits.spool_memory_bytes:
            self._held.append(bytes(chunk))
            return
        if self._file is None:
            self._file = _File(self._spooling)
            self._cipher = self._file.cipher(0)
            self._flush(b"".join(self._held))
            self._held.clear()
        self._flush(chunk)

    def _flush(self, data: bytes) -> None:
        assert self._file is not None
        assert self._cipher is not None
        if data:
            self._file.append(self._cipher.update(data))

    def finish(self) -> bytes | SpooledBody:
        """The body: bytes where it is small."""
        if self._file is None:
            return b"".join(self._held)
        file, self._file = self._file, None
        return SpooledBody(file, self._spooling.limits.spool_whole_bytes)

    def __enter__(self) -> SpoolWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class SpooledBody(StreamBody):
    """A body on disk. Made by Spooling; read-only, and the same for every message that has it."""

    __slots__ = ("_file", "_whole")

    def __init__(self, file: _File, whole: int) -> None:
        self._file, self._whole = file, whole

    @property
    def size(self) -> int:
        """Its bytes."""
        return self._file.size

    def open(self) -> io.BufferedReader:
        """A new reader from the first byte; any number may be open."""
        return io.BufferedReader(_Reader(self._file), CHUNK)

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, piece by piece."""
        with self.open() as reader:
            while chunk := reader.read(CHUNK):
                yield chunk

    def read(self) -> bytes:
        """All of it in memory. Raises Overloaded where it is larger than a step may take at once."""
        if self.size > self._whole:
            raise Overloaded(
                f"a body of more than {self._whole} bytes cannot be taken whole: split it with streaming",
                reason="body-size",
            )
        with self.open() as reader:
            return reader.read()

    def close(self) -> None:
        """Give the file back now; nothing can be read any more."""
        self._file.close()


class _Reader(io.RawIOBase):
    """Decrypts a file from any position."""

    def __init__(self, file: _File) -> None:
        super().__init__()
        self._file, self._position = file, 0
        self._cipher: CipherContext | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = (0, self._position, self._file.size)[whence]
        self._position, self._cipher = max(base + offset, 0), None
        return self._position

    def readinto(self, buffer: Any) -> int:
        if self._cipher is None:
            self._cipher = self._file.cipher(self._position)
            self._cipher.update(bytes(self._position % _BLOCK))  # to the place in its block
        data = self._cipher.update(os.pread(self._file.handle, len(buffer), self._position))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
