"""zipFile: an archive with one file, or the files of an archive one by one. What comes out is bounded."""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from integrator.engine.compiler import Node
from integrator.engine.exceptions import JavaException, failure, wrapped
from integrator.engine.javatypes import JavaIterator, JavaMessage, to_text
from integrator.engine.payloads import body_bytes, body_chunks
from integrator.engine.spec import Option, Spec
from integrator.engine.spool import CHUNK, SpooledBody, Spooling
from integrator.engine.steps import Run
from integrator.exchange import Exchange, Overloaded, StreamBody

ENTRIES = 65_535
"""Files in one archive."""
_GIGABYTE = 1_073_741_824
_ITERATOR = "org.apache.camel.dataformat.zipfile.ZipIterator"
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)
SPEC = Spec(
    "dataformat",
    "zipFile",
    "A zip archive: marshal puts the body into one, named by the header CamelFileName; unmarshal takes the one"
    " file out, or with usingIterator gives all of them to a split, each with the header CamelFileName.",
    "2.11",
    "unmarshal: {zipFile: {usingIterator: true}}",
    options=(
        Option("usingIterator", "Reads all files, for a split.", type="boolean", default=False),
        Option("allowEmptyDirectory", "Directories count as empty files; with usingIterator.", type="boolean",
               default=False),
        Option("preservePathElements", "Keeps the directories of CamelFileName when writing.", type="boolean",
               default=False),
        Option("maxDecompressedSize", "Bytes a file may have when it is taken out; -1 is the engine's own limit.",
               type="integer", default=_GIGABYTE),
    ),
)  # fmt: skip


def marshal(node: Node, *, allow_null: bool = False) -> Run:
    """The body as the one file of an archive."""
    keeps, spooling = node.flag("preservePathElements"), node.scope.services.spooling

    def marshal_zip(exchange: Exchange) -> None:
        chunks = body_chunks(exchange, allow_null=allow_null)
        if chunks is None:
            return
        path = to_text(exchange.message.headers.get("CamelFileName")) or exchange.id
        name = posixpath.basename(path) or exchange.id
        exchange.message.body = spooling.body(_written(chunks, path.lstrip("/") if keeps else name))
        exchange.message.headers["CamelFileName"] = f"{name}.zip"

    return marshal_zip


class _Pipe(io.RawIOBase):
    """Takes what the archive writer writes, for the chunks to be drawn from it."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.written += data
        return len(data)

    def take(self) -> bytes:
        found = bytes(self.written)
        self.written.clear()
        return found


def _written(chunks: Iterator[bytes], path: str) -> Iterator[bytes]:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        directory = ""
        for part in path.split("/")[:-1]:
            directory += f"{part}/"
            archive.writestr(zipfile.ZipInfo(directory), b"")
        entry = zipfile.ZipInfo(path)
        entry.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(entry, "w", force_zip64=False) as file:
            for chunk in chunks:
                file.write(chunk)
                yield pipe.take()
    yield pipe.take()


def unmarshal(node: Node, *, allow_null: bool = False) -> Run:
    """The file, or with usingIterator an iterator over the files."""
    spooling, directories = node.scope.services.spooling, node.flag("allowEmptyDirectory")
    most = node.number("maxDecompressedSize", _GIGABYTE)
    limit = most if most >= 0 else spooling.limits.spool_body_bytes

    def unmarshal_zip(exchange: Exchange) -> None:
        file = _opened(exchange, allow_null=allow_null)
        if file is None:
            return
        entries = _entries(file)
        name, data = next(_files(entries, spooling, limit), (None, b""))
        if name is None:
            raise _state("Unable to unzip the file, it may be corrupted.")
        if len(entries[1]) > 1:
            raise _state("Zip file has more than 1 entry.")
        exchange.message.headers["CamelFileName"] = name
        exchange.message.body = data

    def iterate_zip(exchange: Exchange) -> None:
        file = _opened(exchange, allow_null=allow_null)
        if file is not None:
            archive, listed = _entries(file)
            kept = [entry for entry in listed if directories or not entry.is_dir()]
            exchange.message.body = JavaIterator(_messages(archive, kept, spooling, limit), _ITERATOR)

    return iterate_zip if node.flag("usingIterator") else unmarshal_zip


def _opened(exchange: Exchange, *, allow_null: bool) -> BinaryIO | None:
    body = exchange.message.body
    if isinstance(body, StreamBody):
        return body.open()
    data = body_bytes(exchange, allow_null=allow_null)
    return None if data is None else io.BytesIO(data)


Entries = tuple[zipfile.ZipFile | None, list[zipfile.ZipInfo]]


def _entries(file: BinaryIO) -> Entries:
    """The archive and what is in it; nothing where it is none. Raises Overloaded."""
    try:
        archive = zipfile.ZipFile(file)
    except _BROKEN:
        return None, []
    listed = archive.infolist()
    if len(listed) > ENTRIES:
        raise Overloaded(f"the archive has more than {ENTRIES} files", reason="zip-limit")
    return archive, listed


def _files(entries: Entries, spooling: Spooling, limit: int) -> Iterator[tuple[str, bytes | SpooledBody]]:
    """Name and content of each file. Raises JavaException (IOException), Overloaded."""
    archive, listed = entries
    total = 0
    for entry in listed:
        assert archive is not None, "there are entries"
        if entry.file_size > limit:
            raise _too_large()
        total += entry.file_size
        if total > spooling.limits.spool_total_bytes:
            raise Overloaded("the files of the archive are too large together", reason="zip-limit")
        try:
            with archive.open(entry) as file:
                yield entry.filename, spooling.body(_bounded(file, limit))
        except _BROKEN:
            raise failure("java.io.IOException", "a file of the archive cannot be read") from None


def _bounded(file: Any, limit: int) -> Iterator[bytes]:
    size = 0
    while chunk := file.read(CHUNK):
        size += len(chunk)
        if size > limit:
            raise _too_large()
        yield chunk


def _messages(
    archive: zipfile.ZipFile | None, listed: list[zipfile.ZipInfo], spooling: Spooling, limit: int
) -> Iterator[JavaMessage]:
    try:
        for name, data in _files((archive, listed), spooling, limit):
            yield JavaMessage(data, {"CamelFileName": name, "zipFileName": name})
    except JavaException as error:
        raise wrapped("org.apache.camel.RuntimeCamelException", error) from None


def _state(text: str) -> JavaException:
    return failure("java.lang.IllegalStateException", text)


def _too_large() -> JavaException:
    return failure(
        "java.io.IOException", "The InputStream entry being copied exceeds the maximum allowed size"
    )
