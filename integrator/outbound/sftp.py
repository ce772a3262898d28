"""The files of an SFTP server: one connection, kept, whose host key must be one that the adapter names."""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import asyncssh

from integrator.exchange import ProviderUnreachable
from integrator.outbound.folders import CHUNK, Entry, normal
from integrator.outbound.references import ReferenceProblem
from integrator.security.limits import Limits

T = TypeVar("T")
_LOST = (
    asyncssh.DisconnectError,
    asyncssh.ConnectionLost,
    asyncssh.SFTPNoConnection,
    asyncssh.SFTPConnectionLost,
)


class SftpFolder:
    """The files below a directory of a server. Raises ReferenceProblem for keys that cannot be read.

    `key` is a private key (PEM or OpenSSH), `known_hosts` the server's keys: without those nothing is connected.
    """

    def __init__(
        self, endpoint: str, limits: Limits, *, known_hosts: str = "", key: str = "", password: str = ""
    ) -> None:
        parts = urlsplit(endpoint)
        self._host, self._port = parts.hostname or "", parts.port or 22
        self._user = unquote(parts.username or "")
        self._root = unquote(parts.path) or "."
        self._limits, self._password = limits, password
        if not known_hosts:
            raise ReferenceProblem(
                "its server is not known: name its keys under `security: {known-hosts: …}`"
            )
        if not key and not password:
            raise ReferenceProblem("nothing to log in with: name `key` or `password` under `security`")
        try:
            self._known = asyncssh.import_known_hosts(known_hosts)
            self._keys = [asyncssh.import_private_key(key)] if key else []
        except (asyncssh.KeyImportError, ValueError):
            raise ReferenceProblem(
                "its key or its known hosts cannot be read: are they the right files?"
            ) from None
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None
        self._one = asyncio.Lock()

    async def listing(self, path: str, deep: int) -> Sequence[Entry]:
        """The files below a directory, `deep` levels of directories down."""
        return await self._with(lambda client: self._listed(client, normal(path), deep))

    async def _listed(self, client: asyncssh.SFTPClient, path: str, deep: int) -> list[Entry]:
        found: list[Entry] = []
        try:
            names = sorted(await client.readdir(self._at(path)), key=lambda name: str(name.filename))
        except asyncssh.SFTPNoSuchFile:
            return found
        for name in names:
            only = str(name.filename)
            below = f"{path}/{only}" if path else only
            if only in (".", "..") or "/" in only:
                continue
            if _is(name.attrs, stat.S_ISDIR) and deep:
                found += await self._listed(client, below, deep - 1)
            elif _is(name.attrs, stat.S_ISREG):
                found.append(_entry(below, name.attrs))
        return found

    async def info(self, path: str) -> Entry | None:
        """A file, None where there is none."""
        name = normal(path)

        async def look(client: asyncssh.SFTPClient) -> Entry | None:
            try:
                known = await client.lstat(self._at(name))
            except asyncssh.SFTPNoSuchFile:
                return None
            return _entry(name, known) if _is(known, stat.S_ISREG) else None

        return await self._with(look)

    async def read(self, path: str) -> AsyncIterator[bytes]:
        """Its content, piece by piece."""
        name = self._at(normal(path))
        file = await self._with(lambda client: client.open(name, "rb"))
        try:
            while chunk := await self._with(lambda _client: file.read(CHUNK)):
                yield chunk if isinstance(chunk, bytes) else chunk.encode()
        finally:
            await file.close()

    async def write(self, path: str, chunks: Iterable[bytes], *, append: bool, durable: bool) -> None:
        """Write a file; what was there goes, but where `append`."""
        name = self._at(normal(path))

        async def put(client: asyncssh.SFTPClient) -> None:
            async with client.open(name, "ab" if append else "wb") as file:
                for chunk in chunks:
                    await file.write(chunk)
                if durable:
                    with contextlib.suppress(asyncssh.SFTPOpUnsupported):  # OpenSSH's extension
                        await file.fsync()

        await self._with(put)

    async def rename(self, path: str, to: str) -> None:
        """Give it another place, whatever is there; directories are made."""
        source, target = self._at(normal(path)), self._at(normal(to))
        await self.make(normal(to).rpartition("/")[0])

        async def move(client: asyncssh.SFTPClient) -> None:
            try:
                await client.posix_rename(source, target)
            except asyncssh.SFTPOpUnsupported:  # a server without OpenSSH's extension
                if await client.exists(target):
                    await client.remove(target)
                await client.rename(source, target)

        await self._with(move)

    async def delete(self, path: str) -> bool:
        """Remove it; False where there is none."""
        name = self._at(normal(path))

        async def remove(client: asyncssh.SFTPClient) -> bool:
            try:
                await client.remove(name)
            except asyncssh.SFTPNoSuchFile:
                return False
            return True

        return await self._with(remove)

    async def make(self, path: str) -> None:
        """Make a directory, with those above it."""
        name = self._at(normal(path))
        await self._with(lambda client: client.makedirs(name, exist_ok=True))

    async def touch(self, path: str, modified_ms: int) -> None:
        """Set its time."""
        name, seconds = self._at(normal(path)), modified_ms / 1_000
        await self._with(lambda client: client.utime(name, (seconds, seconds)))

    async def close(self) -> None:
        """Disconnect."""
        client, self._client = self._client, None
        connection, self._connection = self._connection, None
        if client is not None:
            client.exit()
        if connection is not None:
            connection.close()

    def _at(self, path: str) -> str:
        return posixpath.join(self._root, path) if path else self._root

    async def _with(self, work: Callable[[asyncssh.SFTPClient], Awaitable[T]]) -> T:
        """Do something on the connection. What the server says becomes an OSError."""
        client = await self._connected()
        try:
            return await work(client)
        except _LOST:
            await self.close()
            raise _unreachable() from None
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            raise FileNotFoundError("the server has no such file") from None
        except asyncssh.SFTPPermissionDenied:
            raise PermissionError("the server does not allow it") from None
        except asyncssh.Error as error:
            raise OSError(f"the server refuses it ({type(error).__name__})") from None

    async def _connected(self) -> asyncssh.SFTPClient:
        async with self._one:
            if self._client is None:
                try:
                    async with asyncio.timeout(self._limits.connect_seconds):
                        await self._connect()
                except (OSError, asyncssh.Error, TimeoutError):
                    await self.close()
                    # What the library says repeats host and user.
                    raise _unreachable() from None
            assert self._client is not None
            return self._client

    async def _connect(self) -> None:
        options: dict[str, Any] = {"password": self._password} if self._password else {}
        self._connection = await asyncssh.connect(
            self._host, self._port, username=self._user, known_hosts=self._known, client_keys=self._keys or None,
            agent_path=None, config=None, **options,
        )  # fmt: skip
        self._client = await self._connection.start_sftp_client()


def _is(attributes: asyncssh.SFTPAttrs, kind: Callable[[int], bool]) -> bool:
    return attributes.permissions is not None and kind(attributes.permissions)


def _entry(path: str, attributes: asyncssh.SFTPAttrs) -> Entry:
    return Entry(path, attributes.size or 0, int((attributes.mtime or 0) * 1_000))


def _unreachable() -> ProviderUnreachable:
    return ProviderUnreachable(
        "no connection to the SFTP server, or its host key is not one the adapter names: try again later",
        reason="unreachable", origin="provider",
    )  # fmt: skip
