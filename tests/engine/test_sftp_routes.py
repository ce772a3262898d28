"""Routes that take from a real SFTP server and write to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from integrator.engine import Mocks, Services, compile_routes
from tests.engine.helpers import exchange, route, source
from tests.engine.open_ways import OpenWay, OpenWays

pytest.importorskip("asyncssh")
from tests.outbound.test_sftp import Server


class Ways(OpenWays):
    """One SFTP server, called `drop`."""

    def __init__(self, site: Path, folder: Any) -> None:
        super().__init__(site)
        self.way: Any = OpenWay()
        self.way.folder = folder

    def files(self, protocol: str, name: str) -> Any:
        host, _, rest = name.partition("/")
        return (self.way, rest) if (protocol, host) == ("sftp", "drop") else None


@pytest.fixture
async def ways(tmp_path: Path) -> AsyncIterator[Ways]:
    (tmp_path / "files/drop/in").mkdir(parents=True)
    server = Server(tmp_path / "files")
    await server.start()
    folder = server.folder()
    yield Ways(tmp_path / "files/drop", folder)
    await folder.close()
    await server.stop()


async def test_files_are_taken_and_moved(ways: Ways, tmp_path: Path) -> None:
    (tmp_path / "files/drop/in/a.txt").write_text("one")
    mocks = Mocks()
    uri = "sftp:bus@drop/in?initialDelay=0&delay=10&move=done"
    routes = compile_routes([source(route("to: mock:a", uri))], Services(ways=ways, mocks=mocks))
    routes.start()
    async with asyncio.timeout(10):
        while not (tmp_path / "files/drop/in/done/a.txt").exists():  # noqa: ASYNC110 - a directory tells nobody
            await asyncio.sleep(0.01)
    await routes.stop()
    taken = mocks.received["mock:a"]
    assert [(one.message.as_text(), one.message.headers["CamelFileName"]) for one in taken] == [
        ("one", "a.txt")
    ]


async def test_a_file_is_written_by_way_of_another_name(ways: Ways, tmp_path: Path) -> None:
    steps = "to: sftp:drop/out?tempPrefix=part-&fileName=${header.n}.txt"
    routes = compile_routes([source(route(steps))], Services(ways=ways))
    made = exchange("hello", {"n": 7})
    await routes.run("direct:start", made)
    assert made.exception is None
    assert made.message.headers["CamelFileNameProduced"] == "out/7.txt"
    assert [path.name for path in (tmp_path / "files/drop/out").iterdir()] == ["7.txt"]
