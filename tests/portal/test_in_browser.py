"""The portal's page in a real browser: four languages, two widths, light and dark, no console errors."""

import json
import os
import re
import shutil
import signal
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn

from integrator.portal.app import create_app
from integrator.portal.texts import LANGUAGES, TEXTS
from integrator.site.compiled import Entry, Flow, Party, RouteSource
from tests.conftest import missing
from tests.portal.test_portal import LINE, SITE, Bus
from tests.services.ports import free_port

SECONDS = 60
SIZES = {"desktop": (1280, 900), "telephone": (360, 760)}
SWITCHES = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--enable-logging=stderr", "--v=0", "--virtual-time-budget=5000",
)  # fmt: skip
STATES = (
    ("received", None), ("completed", "with-data"), ("completed", "partial"), ("completed", "no-data"),
    ("delivered", None), ("completed", "duplicate"), ("refused", None), ("failed", None),
    ("unanswered", None), ("dead-lettered", None),
)  # fmt: skip
# What a script in the page's own place finds; the page itself has none and forbids any, so it is
# loaded in a frame of a page of the test's server, which measures it from outside.
_MEASURE = """<!DOCTYPE html><html><body style="margin:0"><iframe id="page" src="/?lang=LANGUAGE"
style="border:0;width:WIDTHpx;height:700px"></iframe><pre id="found"></pre><script>
document.getElementById("page").addEventListener("load", (event) => {
  const page = event.target.contentDocument, root = page.documentElement;
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (text) => { const [r, g, b] = rgb(text).map((v) => { v /= 255;
    return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (node) => { for (let n = node; n; n = n.parentElement) {
    const colour = page.defaultView.getComputedStyle(n).backgroundColor;
    if (rgb(colour).length === 3 || rgb(colour)[3] > 0) return colour; } return "rgb(255, 255, 255)"; };
  let contrast = 21, small = [];
  for (const node of page.querySelectorAll("body *")) {
    if (![...node.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    const style = page.defaultView.getComputedStyle(node);
    const [a, b] = [light(style.color), light(behind(node))].sort((x, y) => y - x);
    contrast = Math.min(contrast, (a + 0.05) / (b + 0.05));
  }
  for (const link of page.querySelectorAll("a:not(.skip)")) {
    const box = link.getBoundingClientRect();
    if (box.height < 24 || box.width < 24) small.push(link.textContent);
  }
  document.getElementById("found").textContent = JSON.stringify({ lang: root.lang, title: page.title,
    width: root.clientWidth, content: root.scrollWidth, contrast, small,
    aside: [...page.querySelectorAll(".scroll")].filter((box) => box.scrollWidth > box.clientWidth).length,
    paper: page.defaultView.getComputedStyle(page.body).backgroundColor, text: page.body.innerText,
    headings: [...page.querySelectorAll("h1, h2")].map((h) => h.tagName) });
});</script></body></html>"""


def full_bus() -> Bus:
    """The services of the portal's other tests, with every state and a long, awkward flow."""
    bus = Bus()
    long_id = "an-event-flow-with-a-name-that-is-as-long-as-people-make-them-when-nobody-stops-them"
    flow = Flow(
        id=long_id,
        title={},
        owner="regional/spw-agriculture-natural-resources-and-environment",
        exchange="event",
        route=RouteSource("y.yaml", ()),
        request=None,
        answer=None,
        entries=(Entry("rest", f"/v1/{long_id}/notifications"),),
        grants=(),
    )
    owner = Party(flow.owner, "0316381138", {"fr": "Agriculture, Ressources naturelles et Environnement"})
    site = replace(SITE, flows={**SITE.flows, flow.id: flow}, parties={**SITE.parties, flow.owner: owner})
    bus.site = lambda: site
    bus.lines = [
        replace(LINE, exchange_id=f"019a0c95-8a99-7104-ad15-9df908de26{n:02}", state=state, outcome=outcome,
                index=None if n == 0 else n, flow=flow.id if n % 2 else LINE.flow)
        for n, (state, outcome) in enumerate(STATES)
    ]  # fmt: skip
    return bus


@pytest.fixture(scope="module")
def chromium() -> str:
    """The browser."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        missing("Chromium", "apt-get install chromium")
    return str(found)


@pytest.fixture(scope="module")
def address():
    """The portal under uvicorn, and beside it a page that measures it."""
    portal = create_app(full_bus())
    measuring = re.compile(r"^/measure/(\w+)/(\d+)$")

    async def app(scope, receive, send):
        async def framed(message):
            # Framing is forbidden, and rightly: only this test's own page may do it.
            if message["type"] == "http.response.start":
                message["headers"] = [
                    (name, value.replace(b"frame-ancestors 'none'", b"frame-ancestors 'self'"))
                    for name, value in message["headers"]
                ]
            await send(message)

        match = measuring.match(scope["path"])
        if match is None:
            await portal(scope, receive, framed)
            return
        page = _MEASURE.replace("LANGUAGE", match[1]).replace("WIDTH", match[2]).encode()
        headers = [(b"content-type", b"text/html; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": page})

    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, lifespan="off", log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def browse(chromium: str, directory: Path, url: str, *switches: str) -> tuple[str, str]:
    """What Chromium printed about a page, and what its console said."""
    profile = directory / "profile"
    command = [chromium, *SWITCHES, f"--user-data-dir={profile}", *switches, url]
    with (directory / "out").open("wb") as out, (directory / "err").open("wb") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, start_new_session=True)
        try:
            assert process.wait(timeout=SECONDS) == 0, (directory / "err").read_text()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    console = [line for line in (directory / "err").read_text().splitlines() if "CONSOLE" in line]
    return (directory / "out").read_text(), "\n".join(console)


def measured(chromium: str, directory: Path, address: str, language: str, size: str, *switches: str):
    """What the page measures in that language at that size."""
    width, _ = SIZES[size]
    url = f"{address}/measure/{language}/{width}"
    printed, console = browse(chromium, directory, url, "--dump-dom", "--window-size=1400,900", *switches)
    assert console == ""
    found = re.search(r'<pre id="found">(.+?)</pre>', printed, re.DOTALL)
    assert found, printed
    text = found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return json.loads(text)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_fits_and_speaks(chromium, address, tmp_path, language, size):
    found = measured(chromium, tmp_path, address, language, size)
    assert found["lang"] == language
    assert found["title"] == TEXTS[language]["title"]
    assert found["content"] <= found["width"], "the body is wider than the window"
    assert found["aside"] == 0, "a table is wider than the window"
    assert found["headings"] == ["H1", "H2", "H2"]
    assert found["contrast"] >= 4.5  # WCAG 2.2 AA, 1.4.3
    assert found["small"] == []  # WCAG 2.2 AA, 2.5.8
    for state, outcome in STATES:
        assert TEXTS[language][state].lower() in found["text"].lower()
        assert outcome is None or TEXTS[language][outcome].lower() in found["text"].lower()


def test_contrast_holds_in_the_dark(chromium, address, tmp_path):
    dark = "--blink-settings=preferredColorScheme=0"
    found = measured(chromium, tmp_path, address, "fr", "desktop", dark)
    assert found["paper"] != "rgb(255, 255, 255)"
    assert found["contrast"] >= 4.5


def test_the_page_alone_says_nothing_on_the_console(chromium, address, tmp_path):
    printed, console = browse(chromium, tmp_path, f"{address}/?lang=de", "--dump-dom")
    assert console == ""
    assert '<html lang="de">' in printed
    assert '<span lang="fr">Consulter une personne</span>' in printed  # it has no German title
    assert "<script" not in printed


@pytest.mark.parametrize("size", SIZES)
def test_a_picture_can_be_taken(chromium, address, tmp_path, size):
    width, height = SIZES[size]
    picture = tmp_path / f"{size}.png"
    browse(
        chromium,
        tmp_path,
        f"{address}/?lang=fr",
        f"--screenshot={picture}",
        f"--window-size={width},{height}",
    )
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 10_000
