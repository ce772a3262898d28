"""docs/camel says what the tables of the tests say."""

from __future__ import annotations

import pytest

from tests.peers.camel import pages


@pytest.mark.parametrize("name", sorted(pages.PAGES))
def test_the_page_is_of_today(name: str) -> None:
    written = (pages.DOCS / name).read_text("utf-8")
    assert written == pages.PAGES[name](), "write it again: python -m tests.peers.camel.pages"
