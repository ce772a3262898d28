"""Writing files: what file: and sftp: do with a message that is sent to them."""

from __future__ import annotations

import asyncio
import hashlib
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from integrator.engine.compiler import Expression, Node
from integrator.engine.exceptions import JavaException
from integrator.engine.filing import (
    Place,
    done_name,
    expression,
    inside,
    move_text,
    operation_failed,
    place,
    simple,
)
from integrator.engine.javatypes import JavaList, JavaMap, cannot_convert, to_text
from integrator.engine.steps import Run, nothing
from integrator.engine.uris import Uri
from integrator.engine.ways import Folder
from integrator.exchange import Exchange, StreamBody

_NAME, _OVERRULE, _PRODUCED = "CamelFileName", "CamelOverruleFileName", "CamelFileNameProduced"


@dataclass(frozen=True, slots=True)
class Writer:
    """The options of an endpoint, and its directory."""

    place: Place
    name: Expression | None
    temp: Expression | None
    move: Expression | None
    done: str
    exists: str
    charset: str
    append: str
    checksum: str
    flags: frozenset[str]

    def target(self, exchange: Exchange) -> str:
        """The name below the directory that a message is written to."""
        headers = exchange.message.headers
        value = headers.get(_NAME)
        overrule = headers.get(_OVERRULE)
        if overrule is not None:
            value = headers[_NAME] = to_text(overrule)
        name = to_text(self.name(exchange)) if self.name is not None else to_text(value)
        if name is not None and "flatten" in self.flags:
            name = name.replace("\\", "/").rpartition("/")[2]
        return inside(exchange.id if name is None else name, self.place.shown)

    def shown(self, name: str) -> str:
        """A name as routes see it."""
        return f"{self.place.shown}/{name}" if self.place.shown else name

    async def write(self, exchange: Exchange, name: str) -> None:
        """Write the message, by way of a temporary name where one is asked for."""
        folder, target = self.place.way.folder, self.place.below(name)
        content = self._content(exchange)
        size = content.size if isinstance(content, StreamBody) else len(content or b"")
        what = target.rpartition("/")[0]
        try:
            async with self.place.way.use(exchange.context, "write", what, size):
                if await self._put(folder, exchange, name, content):
                    await self._companions(folder, exchange, name, content)
        except OSError as error:
            raise operation_failed(
                "Cannot store file", f"Cannot store file: {self.shown(name)}", error
            ) from None

    async def _put(
        self, folder: Folder, exchange: Exchange, name: str, content: bytes | StreamBody | None
    ) -> bool:
        target = self.place.below(name)
        if self.temp is None:
            if (
                self.exists != "TryRename"
                and await folder.info(target) is not None
                and await self._skips(folder, name)
            ):
                return True
            await self._store(folder, exchange, name, content, append=self.exists == "Append")
            return True
        temporary = self._temporary(exchange, name)
        eager = "eagerDeleteTargetFile" in self.flags
        if self.exists != "TryRename":
            if eager and await folder.info(target) is not None:
                if await self._skips(folder, name):
                    return False
                if self.exists == "Override":
                    await folder.delete(target)
            await folder.delete(self.place.below(temporary))
        await self._store(folder, exchange, temporary, content, append=False)
        if not eager and self.exists != "TryRename" and await folder.info(target) is not None:
            if self.exists == "Ignore":
                return False
            if self.exists == "Fail":
                raise self._exists(name)
        if self.exists == "TryRename" and await folder.info(target) is not None:
            raise operation_failed("Cannot rename file: the target exists", (
                f"Cannot rename file from: {self.shown(temporary)} to: {self.shown(name)}"
            ))  # fmt: skip
        await folder.rename(self.place.below(temporary), target)
        return True

    async def _skips(self, folder: Folder, name: str) -> bool:
        """What is done about a file that is there; True where nothing is to be written."""
        if self.exists == "Ignore":
            return True
        if self.exists == "Fail":
            raise self._exists(name)
        if self.exists == "Move" and self.move is not None:
            directory, _, only = name.rpartition("/")
            message = Exchange(_named(self.shown(directory) if directory else self.place.shown, name, only),
                               exchange_id="", pattern="InOnly")  # fmt: skip
            moved = to_text(self.move(message)) or ""
            if self.place.shown and moved.startswith(self.place.shown + "/"):
                moved = moved[len(self.place.shown) + 1 :]
            to = self.place.below(inside(moved, self.place.shown))
            if "eagerDeleteTargetFile" not in self.flags and await folder.info(to) is not None:
                raise operation_failed("Cannot move the existing file: its new place is taken",
                                       f"Cannot move existing file from {self.shown(name)}")  # fmt: skip
            await folder.rename(self.place.below(name), to)
        return False

    def _exists(self, name: str) -> JavaException:
        return operation_failed("File already exist. Cannot write new file.",
                                f"File already exist: {self.shown(name)}. Cannot write new file.")  # fmt: skip

    def _temporary(self, exchange: Exchange, name: str) -> str:
        assert self.temp is not None
        headers = exchange.message.headers
        directory, slash, only = name.rpartition("/")
        missing = headers.get(_NAME) is None
        if missing:
            headers[_NAME] = only
        found = to_text(self.temp(exchange)) or ""
        if missing:
            del headers[_NAME]
        return inside(posixpath.normpath(directory + slash + found), self.place.shown)

    async def _store(
        self,
        folder: Folder,
        exchange: Exchange,
        name: str,
        content: bytes | StreamBody | None,
        *,
        append: bool,
    ) -> None:
        if "autoCreate" in self.flags:
            await folder.make(self.place.below(name).rpartition("/")[0])
        if content is None and "allowNullBody" not in self.flags:
            raise operation_failed("Cannot write null body to file",
                                   f"Cannot write null body to file: {self.shown(name)}")  # fmt: skip
        durable = "forceWrites" in self.flags
        chunks = _chunks(content, self.append if append else "")
        await folder.write(self.place.below(name), chunks, append=append, durable=durable)
        if "keepLastModified" in self.flags:
            modified = exchange.message.headers.get("CamelFileLastModified")
            if isinstance(modified, int):
                await folder.touch(self.place.below(name), modified)

    async def _companions(
        self, folder: Folder, exchange: Exchange, name: str, content: bytes | StreamBody | None
    ) -> None:
        if self.checksum:
            digest = hashlib.new(self.checksum.replace("_", "").lower() if self.checksum[:4] != "SHA3"
                                 else self.checksum.lower(), usedforsecurity=False)  # fmt: skip
            for chunk in _chunks(content, ""):
                digest.update(chunk)
            exchange.message.headers["CamelFileChecksum"] = digest.hexdigest()
            if "checksumWriteFile" in self.flags:
                path = self.place.below(f"{name}.{self.checksum}")
                await folder.write(path, [digest.hexdigest().encode()], append=False, durable=True)
        if self.done:
            done = inside(done_name(self.done, name), self.place.shown)
            await folder.write(self.place.below(done), [], append=False, durable=True)

    def _content(self, exchange: Exchange) -> bytes | StreamBody | None:
        body = exchange.message.body
        if body is None:
            return None
        if isinstance(body, (JavaMap, JavaList, bool, int, float)):
            cause = cannot_convert(body, "java.io.InputStream")
            error = operation_failed("Cannot store file: its body is no text and no bytes")
            error.java_cause = cause
            raise error
        if self.charset:
            return exchange.message.as_text().encode(self.charset, "replace")
        return body if isinstance(body, StreamBody) else exchange.message.as_bytes()


def _named(parent: str, name: str, only: str) -> Any:
    from integrator.exchange import Message
    from integrator.security.parsers import CONVERSIONS

    known = {"CamelFileName": name, "CamelFileNameOnly": only, "CamelFileParent": parent}
    return Message(None, known, conversions=CONVERSIONS)


def _chunks(content: bytes | StreamBody | None, after: str) -> Iterable[bytes]:
    if isinstance(content, StreamBody):
        yield from content.chunks()
    elif content:
        yield content
    if after:
        yield after.replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t").encode()


def compile_writer(node: Node, uri: Uri) -> Run:
    """The sending function of an endpoint; notes what is wrong with its options."""
    found = place(node, uri)
    if found is None:
        return nothing
    writer = _writer(node, uri, found)
    if writer is None:
        return nothing
    locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def write(exchange: Exchange) -> None:
        headers = exchange.message.headers
        existing = headers.get(_NAME)
        try:
            name = writer.target(exchange)
            lock = locks.setdefault(name, asyncio.Lock())
            async with lock:
                await writer.write(exchange, name)
            headers[_PRODUCED] = writer.shown(name)
        finally:
            headers.pop(_OVERRULE, None)
            headers[_NAME] = existing

    return write


def _writer(node: Node, uri: Uri, found: Place) -> Writer | None:
    options = uri.options
    defaults = {
        "autoCreate": True,
        "eagerDeleteTargetFile": True,
        "forceWrites": True,
        "checksumWriteFile": True,
    }
    names = ("autoCreate", "eagerDeleteTargetFile", "forceWrites", "allowNullBody", "flatten", "keepLastModified",
             "checksumWriteFile")  # fmt: skip
    flags = frozenset(n for n in names if (options[n] == "true" if n in options else defaults.get(n, False)))
    exists, charset = options.get("fileExist", "Override"), options.get("charset", "")
    temp = options.get("tempFileName") or (
        options["tempPrefix"] + "${file:name}" if options.get("tempPrefix") else ""
    )
    if exists in ("Append",) and temp:
        node.problem("/uri", "option-value", f"{uri.scheme}: cannot append by way of a temporary file",
                     "Take tempFileName and tempPrefix out.")  # fmt: skip
        return None
    if exists == "Move" and not options.get("moveExisting"):
        node.problem("/uri", "missing-option", f"fileExist=Move of {uri.scheme}: needs moveExisting",
                     "Write for example moveExisting=old.")  # fmt: skip
        return None
    if exists == "TryRename" and not temp:
        node.problem("/uri", "missing-option", f"fileExist=TryRename of {uri.scheme}: needs tempFileName or tempPrefix",
                     "Write for example tempPrefix=.tmp-.")  # fmt: skip
        return None
    if charset:
        try:
            "".encode(charset)
        except LookupError:
            node.problem("/uri", "option-value", f"charset of {uri.scheme}: names no charset", "Write UTF-8.")
            return None
    move = options.get("moveExisting")
    return Writer(
        found, expression(node, uri, "fileName"), simple(node, temp) if temp else None,
        simple(node, move_text(move)) if move else None, options.get("doneFileName", ""), exists, charset,
        options.get("appendChars", ""), options.get("checksumFileAlgorithm", ""), flags,
    )  # fmt: skip
