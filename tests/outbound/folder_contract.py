"""What every folder of an adapter does, wherever its files are."""

from __future__ import annotations

from typing import Any


async def content(folder: Any, path: str) -> bytes:
    return b"".join([chunk async for chunk in folder.read(path)])


async def writes_and_lists(folder: Any) -> None:
    """Files are made, appended to, dated, listed and read."""
    await folder.make("in/deep")
    await folder.write("in/a.txt", [b"one", b"two"], append=False, durable=True)
    await folder.write("in/a.txt", [b"!"], append=True, durable=False)
    await folder.write("in/deep/b.txt", [], append=False, durable=False)
    await folder.touch("in/a.txt", 1_700_000_000_000)
    assert [(entry.path, entry.size) for entry in await folder.listing("in", 0)] == [("in/a.txt", 7)]
    assert [entry.path for entry in await folder.listing("", 5)] == ["in/a.txt", "in/deep/b.txt"]
    found = await folder.info("in/a.txt")
    assert found is not None
    assert found.modified_ms == 1_700_000_000_000
    assert await content(folder, "in/a.txt") == b"onetwo!"
    assert await folder.listing("nowhere", 3) == []
