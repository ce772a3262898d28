"""Files of a connected system: everything below its directory, nothing outside it, by no path and no link."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrator.outbound.folders import LocalFolder, normal
from tests.outbound.folder_contract import content, writes_and_lists


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    (tmp_path / "root").mkdir()
    return LocalFolder(tmp_path / "root")


async def test_files_are_written_listed_moved_and_deleted(folder: LocalFolder) -> None:
    await writes_and_lists(folder)
    await folder.rename("in/a.txt", "out/new/c.txt")
    assert await folder.info("in/a.txt") is None
    assert await folder.delete("out/new/c.txt")
    assert not await folder.delete("out/new/c.txt")
    assert await folder.listing("nowhere", 3) == []


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "a\0b", ".."])
async def test_no_path_leaves_the_directory(folder: LocalFolder, path: str) -> None:
    for attempt in (
        folder.info(path),
        folder.write(path, [b"x"], append=False, durable=False),
        folder.delete(path),
        folder.rename(path, "a"),
        folder.make(path),
        folder.listing(path, 1),
        content(folder, path),
    ):
        with pytest.raises(PermissionError):
            await attempt


async def test_no_link_leaves_the_directory(folder: LocalFolder, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("x")
    (tmp_path / "root/way").symlink_to(tmp_path / "secret")
    (tmp_path / "root/file").symlink_to(tmp_path / "secret/key")
    with pytest.raises(PermissionError):
        await content(folder, "way/key")
    with pytest.raises(PermissionError):
        await folder.write("way/new", [b"x"], append=False, durable=False)
    with pytest.raises(OSError, match="symbolic"):
        await content(folder, "file")
    assert await folder.listing("", 3) == []
    assert await folder.info("file") is None


@given(st.text(alphabet="ab./\\\0é ", max_size=12))
def test_a_normal_path_is_below_the_root(path: str) -> None:
    try:
        found = normal(path)
    except PermissionError:
        return
    assert not found.startswith("/")
    assert ".." not in found.split("/")
    assert normal(found) == found
