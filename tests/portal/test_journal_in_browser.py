"""The journal's pages in a real browser: they fit a screen and a telephone, are readable, print on A4."""

import json
import re
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvicorn

from integrator.exchange import Context
from integrator.portal.texts import LANGUAGES
from tests.journal.conftest import NISS, make_context
from tests.journal.inspecting import AUDIT, SECOND, WHY, World
from tests.portal.test_in_browser import _MEASURE, SIZES, browse, chromium
from tests.portal.test_journal_api import Control, browser, bus, keys, sign_in, world
from tests.services.ports import free_port

FIXTURES = (make_context, bus, chromium, keys, world)  # used by name
PAGES = ("login", "search", "refused", "record", "form", "report", "breach")


async def drawn(bus: Control, world: World, key: str, language: str) -> dict[str, str]:
    """Each page with what may stand in it, as the portal gives it out."""
    day = {"from": "2020-01-01", "until": "2099-01-01"}
    released = await world.desk.breaches.ask(AUDIT, WHY, {"party": "municipal/namur", **day})
    await world.desk.breaches.release(SECOND, WHY, released["breach"])
    await world.desk.breaches.ask(AUDIT, WHY, {"flow": "person-consult", **day})
    form = {"subject": NISS, "why": WHY}
    lang = f"?lang={language}"
    async with browser(bus) as client:
        login = await client.get(f"/journal{lang}")
        await sign_in(client, key)
        answers = {
            "login": login,
            "search": await client.post(f"/journal{lang}", data=form),
            "refused": await client.post(f"/journal{lang}", data={**form, "why": "test"}),
            "record": await client.post(
                f"/journal/record{lang}", data={"exchange": world.exchanges[0], "why": WHY}
            ),
            "form": await client.get(f"/journal/report{lang}"),
            "report": await client.post(f"/journal/report{lang}", data={**form, "language": language}),
            "breach": await client.get(f"/journal/breach{lang}"),
        }
    return {name: answer.text for name, answer in answers.items()}


@pytest.fixture(params=LANGUAGES)
async def address(
    request, bus: Control, world: World, keys: dict[str, str]
) -> AsyncIterator[tuple[str, str]]:
    """The pages of one language, served as they are, and beside them one that measures them."""
    pages = await drawn(bus, world, keys["auditor"], request.param)

    async def app(scope, receive, send):
        name, _, width = scope["path"].strip("/").partition("/")
        text = pages.get(name, "")
        if width:
            text = _MEASURE.replace("/?lang=LANGUAGE", f"/{name}").replace("WIDTH", width)
        headers = [(b"content-type", b"text/html; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text.encode()})

    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, lifespan="off", log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    yield request.param, f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def test_every_page_fits_and_is_readable(
    chromium: str, address: tuple[str, str], tmp_path: Path, make_context: Callable[..., Context]
) -> None:
    language, base = address
    for page in PAGES:
        for size, (width, _) in SIZES.items():
            printed, console = browse(
                chromium, tmp_path, f"{base}/{page}/{width}", "--dump-dom", "--window-size=1400,900"
            )
            found = re.search(r'<pre id="found">(.+?)</pre>', printed, re.DOTALL)
            assert found, printed

            told = json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
            where = (page, size)
            assert console == "", where
            assert told["lang"] == language, where
            assert told["content"] <= told["width"], where
            assert told["aside"] == 0, where
            assert told["contrast"] >= 4.5, where  # WCAG 2.2 AA, 1.4.3
            assert told["small"] == [], where  # WCAG 2.2 AA, 2.5.8
            assert told["headings"].count("H1") == 1, where


def test_the_report_prints(chromium: str, address: tuple[str, str], tmp_path: Path) -> None:
    paper = tmp_path / "report.pdf"
    browse(chromium, tmp_path, f"{address[1]}/report", f"--print-to-pdf={paper}", "--no-pdf-header-footer")
    assert paper.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("page", PAGES)
async def test_every_field_has_a_label_and_every_page_one_main(
    bus: Control, world: World, keys: dict[str, str], page: str
) -> None:
    text = (await drawn(bus, world, keys["auditor"], "fr"))[page]
    assert text.count("<main") == 1
    assert "<script" not in text
    for kind, attributes in re.findall(r"<(input|select) ([^>]*)>", text):
        if 'type="hidden"' not in attributes:
            named = re.search(r'id="([^"]+)"', attributes)
            assert named, (kind, attributes)
            assert f'<label for="{named[1]}">' in text
    for target in re.findall(r'aria-(?:labelledby|describedby)="([^"]+)"', text):
        assert f'id="{target}"' in text
