"""Files of a real SFTP server, in this process: whose key must be known, and which shows one directory only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from integrator.exchange import ProviderUnreachable
from integrator.outbound.references import ReferenceProblem
from integrator.security.limits import DEFAULT
from tests.outbound.folder_contract import writes_and_lists

asyncssh = pytest.importorskip("asyncssh")


class Server:
    """A server with one user, whose files are below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.host_key, self.user_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
        self._listener: Any = None
        self.connections: list[Any] = []
        self.port = 0

    async def start(self) -> None:
        keys = asyncssh.import_authorized_keys(self.user_key.export_public_key().decode())
        self._listener = await asyncssh.listen(
            "127.0.0.1", self.port, server_host_keys=[self.host_key], authorized_client_keys=keys,
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(self.root)),
            server_factory=self._connected,
        )  # fmt: skip
        self.port = self._listener.get_port()

    def _connected(self) -> Any:
        made = asyncssh.SSHServer()
        made.connection_made = self.connections.append
        return made

    async def stop(self) -> None:
        self._listener.close()
        while self.connections:
            self.connections.pop().abort()

    def known(self, key: Any = None) -> str:
        public = (key or self.host_key).export_public_key().decode()
        return f"[127.0.0.1]:{self.port} {public}"

    def folder(self, **changes: str) -> Any:
        from integrator.outbound.sftp import SftpFolder

        keys = {"known_hosts": self.known(), "key": self.user_key.export_private_key().decode(), **changes}
        return SftpFolder(f"sftp://bus@127.0.0.1:{self.port}/drop", DEFAULT, **keys)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    (tmp_path / "files/drop").mkdir(parents=True)
    made = Server(tmp_path / "files")
    await made.start()
    yield made
    await made.stop()


async def test_files_are_written_listed_moved_and_deleted(server: Server) -> None:
    folder = server.folder()
    await writes_and_lists(folder)
    await folder.write("in/c.txt", [b"old"], append=False, durable=False)
    await folder.rename("in/a.txt", "in/c.txt")
    assert (server.root / "drop/in/c.txt").read_text() == "onetwo!"
    assert await folder.delete("in/c.txt")
    assert not await folder.delete("in/c.txt")
    assert await folder.listing("nowhere", 3) == []
    await folder.close()


async def test_no_path_leaves_the_directory(server: Server) -> None:
    folder = server.folder()
    (server.root / "outside.txt").write_text("x")
    with pytest.raises(PermissionError):
        await folder.info("../outside.txt")
    await folder.close()


async def test_missing_files_are_missing(server: Server) -> None:
    folder = server.folder()
    with pytest.raises(FileNotFoundError):
        await folder.rename("none.txt", "other.txt")
    await folder.close()


async def test_a_server_with_another_key_is_not_connected_to(server: Server) -> None:
    folder = server.folder(known_hosts=server.known(asyncssh.generate_private_key("ssh-ed25519")))
    with pytest.raises(ProviderUnreachable) as caught:
        await folder.listing("", 0)
    assert "bus" not in str(caught.value).split()
    assert "127.0.0.1" not in str(caught.value)


async def test_a_lost_connection_is_made_again(server: Server) -> None:
    folder = server.folder()
    await folder.write("a.txt", [b"x"], append=False, durable=False)
    await server.stop()
    with pytest.raises((ProviderUnreachable, OSError)):
        await folder.listing("", 0)
    await server.start()
    async with asyncio.timeout(5):
        while True:  # the end of the old connection may still be on its way
            try:
                assert [entry.path for entry in await folder.listing("", 0)] == ["a.txt"]
                break
            except ProviderUnreachable:
                await asyncio.sleep(0.01)
    await folder.close()


async def test_without_keys_nothing_is_connected(server: Server) -> None:
    for changes, text in (
        ({"known_hosts": ""}, "known"),
        ({"key": ""}, "log in"),
        ({"key": "no key"}, "cannot be read"),
    ):
        with pytest.raises(ReferenceProblem, match=text):
            server.folder(**changes)
