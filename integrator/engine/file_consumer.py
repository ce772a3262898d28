"""Taking files: what file: and sftp: do when a route starts from them.

A file stays where it is until whoever answers for its message has it; then it is moved, deleted or left. A
process that dies in between offers the file again, with the same key.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from integrator.engine.compiler import Expression, Node
from integrator.engine.exceptions import class_of
from integrator.engine.file_choice import Choice, choice
from integrator.engine.filing import (
    LOCK,
    Place,
    about,
    done_name,
    expression,
    headers,
    move_text,
    moved_to,
    place,
    simple,
    too_many,
)
from integrator.engine.javatypes import to_text
from integrator.engine.lifecycle import Offer, Take, no_room
from integrator.engine.schedule import Schedule, schedule
from integrator.engine.services import Services
from integrator.engine.uris import Uri
from integrator.engine.ways import Entry
from integrator.exchange import Exchange, IntegratorError, Message

REMEMBERED = 1_000
"""Files an idempotent consumer remembers, as Camel's memory repository does."""
Where = Callable[[Exchange], str]
_RENAMED = ".camelExclusiveReadLock"


@dataclass(frozen=True, slots=True)
class Lock:
    """How a file is known to be complete: times in seconds, length in bytes."""

    kind: str
    every: float
    longest: float
    age: float
    length: int


class Seen:
    """The latest keys of an idempotent consumer."""

    def __init__(self) -> None:
        self._keys: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def add(self, key: str) -> None:
        """Remember it."""
        self._keys[key] = None
        if len(self._keys) > REMEMBERED:
            self._keys.popitem(last=False)

    def remove(self, key: str) -> None:
        """Forget it."""
        self._keys.pop(key, None)


@dataclass(frozen=True, slots=True)
class Files:
    """The consumer of one endpoint."""

    file: str
    uri: str
    place: Place
    services: Services
    schedule: Schedule
    choice: Choice
    lock: Lock
    move: Where | None
    failed: Where | None
    before: Where | None
    before_directory: str
    key: Expression | None
    unique: bool
    eager: bool
    delete: bool
    noop: bool
    deep: int
    most: int
    most_eager: bool
    idle: bool
    charset: str
    must_exist: bool
    seen: Seen
    refused: Seen
    alone: bool = True

    async def run(self, take: Take) -> None:
        """Look into the directory again and again. Raises OSError where it must be there and is not."""
        if not self.place.way.taken_by(self.file, self.place.path):
            raise PermissionError("the adapter's owner does not allow the flow to take files from there")
        if self.must_exist:
            await self.place.way.folder.listing(self.place.path, 0)
        else:
            await self.place.way.folder.make(self.place.path)
        await self._restore()
        await self.schedule.run(lambda: self._look(take))

    async def _restore(self) -> None:
        """Put back what a process that died had moved away before it took it."""
        if not self.before_directory:
            return
        folder = self.place.way.folder
        directory = self.place.below(self.before_directory)
        for entry in await folder.listing(directory, 0):
            await folder.rename(entry.path, self.place.below(entry.path[len(directory) + 1 :]))

    async def _look(self, take: Take) -> int:
        """Take what is there; how many files, -1 where the directory cannot be read."""
        try:
            entries = await self.list()
        except OSError as error:
            self.services.log("WARN", f"{self.uri} cannot be read ({type(error).__name__})", "", 0)
            return -1
        if not entries and self.idle:
            empty = Message(None, conversions=self.services.conversions)
            await take(Offer(self.uri, empty, None, batch_of(0, 1)))
            return 1
        count, total = 0, len(entries)
        for index, entry in enumerate(entries):
            batch = {
                "CamelBatchIndex": index,
                "CamelBatchSize": total,
                "CamelBatchComplete": index == total - 1,
            }
            try:
                taken, goes_on = await self._one(entry, batch, take)
                count += taken
                if not goes_on:
                    break  # the next look has the rest
            except (OSError, IntegratorError) as error:
                kind = class_of(error) if isinstance(error, IntegratorError) else type(error).__name__
                self.services.log("WARN", f"{self.uri}: a file could not be taken ({kind})", "", 0)
        return count

    async def list(self) -> list[Entry]:
        """The files that may be taken now, in order."""
        folder = self.place.way.folder
        listed = too_many(await folder.listing(self.place.path, self.deep), 10 * self.services.files_per_poll)
        present = frozenset(self.place.named(entry.path) for entry in listed)
        found: list[Entry] = []
        keys: set[str] = set()
        for entry in listed:
            if not self.choice.takes(entry, present) or mark(entry) in self.refused:
                continue
            if self.unique:
                key = self.key_of(entry)
                if key in self.seen or (self.eager and key in keys):
                    continue
                keys.add(key)
            found.append(entry)
            if self.most and self.most_eager and len(found) >= self.most:
                break
        found = self.choice.sorted(found)
        return found[: self.most or self.services.files_per_poll]

    def key_of(self, entry: Entry) -> str:
        """What an idempotent consumer knows a file by."""
        if self.key is None:
            return entry.path
        return to_text(self.key(about(self.place, entry, self.services.conversions))) or entry.path

    async def _one(self, entry: Entry, batch: Mapping[str, object], take: Take) -> tuple[int, bool]:
        """How many files were taken, and whether there is room for more."""
        ready = await self.begin(entry)
        if ready is None:
            return 0, True
        offer = await self._offer(ready, batch)
        error = await take(offer)
        await self.end(ready, failed=error is not None, refused=offer.refused, moves=not no_room(error))
        return 1, not no_room(error)

    async def begin(self, entry: Entry) -> Ready | None:
        """Make a file ours, and remember where it belongs; None where it is not complete yet."""
        held = await self._locked(entry)
        if held is None:
            return None
        key = self.key_of(entry) if self.unique else ""
        if key and self.eager:
            self.seen.add(key)
        path = held.path
        if self.before is not None:
            path = self.before(about(self.place, held, self.services.conversions))
            await self.place.way.folder.rename(held.path, path)
            held = Moved(path, held.size, held.modified_ms)
        return Ready(entry, held, key)

    async def end(self, ready: Ready, *, failed: bool, refused: bool = False, moves: bool = True) -> None:
        """Move, delete or leave a file whose message ended. One that failed is moved away only where it `moves`."""
        folder, at = self.place.way.folder, ready.at
        exchange = about(self.place, at, self.services.conversions)
        if failed:
            if self.failed is not None and moves:
                await folder.rename(at.path, self.failed(exchange))
            elif refused:
                self.refused.add(mark(ready.found))
            if not moves and at.path != ready.found.path:
                await folder.rename(at.path, ready.found.path)
            if ready.key and self.eager:
                self.seen.remove(ready.key)
        else:
            if ready.key:
                self.seen.add(ready.key)
            if self.delete:
                await folder.delete(at.path)
            elif self.move is not None:
                await folder.rename(at.path, self.move(exchange))
            if self.choice.done:
                await folder.delete(
                    self.place.below(done_name(self.choice.done, self.place.named(ready.found.path)))
                )
        if self.lock.kind == "markerFile":
            await folder.delete(ready.found.path + LOCK)

    async def _locked(self, entry: Entry) -> Entry | None:
        folder, lock = self.place.way.folder, self.lock
        if lock.kind == "markerFile":
            await folder.write(entry.path + LOCK, [], append=False, durable=False)
        elif lock.kind == "rename":
            await folder.rename(entry.path, entry.path + _RENAMED)
            await folder.rename(entry.path + _RENAMED, entry.path)
        elif lock.kind in ("changed", "idempotent-changed"):
            return await self._stable(entry)
        return entry

    async def _stable(self, entry: Entry) -> Entry | None:
        """A file that does not grow any more; None where it still does when time is over."""
        lock, waited, last = self.lock, 0.0, entry
        while True:
            young = lock.age > 0 and self.services.now_us() / 1e6 - last.modified_ms / 1e3 < lock.age
            await self.services.sleep(lock.every)
            waited += lock.every
            now = await self.place.way.folder.info(entry.path)
            if now is None:
                return None
            if (
                not young
                and now.size >= lock.length
                and (now.size, now.modified_ms) == (last.size, last.modified_ms)
            ):
                return now
            last = now
            if lock.longest and waited >= lock.longest:
                return None

    async def _offer(self, ready: Ready, batch: Mapping[str, object]) -> Offer:
        return Offer(self.uri, await self.message(ready.at), digest(self.uri, ready.found), batch)

    async def message(self, entry: Entry) -> Message:
        """The message of a file."""
        body: object = await self.services.spooling.body_of(self.place.way.folder.read(entry.path))
        if self.charset and isinstance(body, bytes):
            body = body.decode(self.charset, "replace")
        return Message(body, headers(self.place, entry), conversions=self.services.conversions)


@dataclass(frozen=True, slots=True)
class Moved:
    """A file at its new place."""

    path: str
    size: int
    modified_ms: int


@dataclass(frozen=True, slots=True)
class Ready:
    """A file that was found, where it is now, and its idempotent key."""

    found: Entry
    at: Entry
    key: str


def batch_of(index: int, total: int) -> dict[str, object]:
    """The properties that tell a message its place among those of one look."""
    return {"CamelBatchIndex": index, "CamelBatchSize": total, "CamelBatchComplete": index == total - 1}


def mark(entry: Entry) -> str:
    """A file as it is now: another one of the same name is not the same."""
    return f"{entry.path}\0{entry.size}\0{entry.modified_ms}"


def digest(uri: str, entry: Entry) -> str:
    """Tells the same file again; a name may be personal, so it is not the name."""
    return hashlib.sha256(f"{uri}\0{mark(entry)}".encode()).hexdigest()


def compile_reader(node: Node, uri: Uri, *, polled: bool = False) -> Files | None:
    """The consumer of an endpoint; notes what is wrong with its options."""
    options = uri.options
    found, times = place(node, uri), schedule(node, uri)
    lock = _lock(node, uri)
    if found is None or times is None or lock is None:
        return None
    chosen = choice(node, uri, found)
    most = options.get("maxMessagesPerPoll", "0")
    if chosen is None or not most.lstrip("-").isdigit():
        if chosen is not None:
            node.problem(
                "/uri", "option-value", f"maxMessagesPerPoll of {uri.scheme}: is no number", "Write 10."
            )
        return None
    noop, delete = options.get("noop") == "true", options.get("delete") == "true"
    move = "" if noop or delete else options.get("move") or ".camel"
    before = options.get("preMove", "")
    recursive = options.get("recursive") == "true"
    services = node.scope.services

    def where(text: str | None) -> Where | None:
        value = simple(node, move_text(text)) if text else None
        return None if value is None else moved_to(found, value)

    return Files(
        node.scope.source.file, f"{uri.scheme}:{uri.path}", found, services, times, chosen, lock,
        where(move), where(options.get("moveFailed")), where(before), "" if "${" in before or "/" in before else before,
        expression(node, uri, "idempotentKey"),
        options.get("idempotent", "true" if noop else "false") == "true" and not polled,
        options.get("idempotentEager") != "false", delete, noop,
        int(options.get("maxDepth", "64")) - 1 if recursive else 0, max(int(most), 0),
        options.get("eagerMaxMessagesPerPoll") != "false", options.get("sendEmptyMessageWhenIdle") == "true",
        options.get("charset", ""),
        "true" in (options.get("startingDirectoryMustExist"), options.get("directoryMustExist"))
        or options.get("autoCreate") == "false",
        Seen(), Seen(),
    )  # fmt: skip


def _lock(node: Node, uri: Uri) -> Lock | None:
    options = uri.options
    numbers = [options.get(name, default) for name, default in
               (("readLockCheckInterval", "1000"), ("readLockTimeout", "10000"), ("readLockMinAge", "0"),
                ("readLockMinLength", "1"))]  # fmt: skip
    kind = options.get("readLock", "none")
    if kind == "fileLock":
        node.problem("/uri", "option-value", "readLock=fileLock is not in the embedded engine",
                     "Use changed, markerFile or rename.")  # fmt: skip
        return None
    if not all(number.isdigit() for number in numbers):
        node.problem(
            "/uri", "option-value", f"a readLock option of {uri.scheme}: is no number", "Write milliseconds."
        )
        return None
    every, longest, age, length = map(int, numbers)
    return Lock(kind, every / 1e3, longest / 1e3, age / 1e3, length)
