"""`python -m integrator.sandbox [--site DIR | --compiled FILE] [--port ADAPTER=PORT] [--files DIR]`

Starts every simulator of a site on loopback and prints one line of JSON: adapter id to endpoint.
Runs until it is interrupted, or until its standard input ends when started with `--with-parent`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from integrator.sandbox.app import Sandbox
from integrator.site.compiled import CompiledSite
from integrator.site.problems import SiteError


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m integrator.sandbox", description=__doc__)
    parser.add_argument("--site", type=Path, default=Path(), help="folder of the site (default: here)")
    parser.add_argument("--compiled", type=Path, help="file with a compiled site, - for standard input")
    parser.add_argument("--port", action="append", default=[], metavar="ADAPTER=PORT", help="a fixed port")
    parser.add_argument("--files", type=Path, help="where adapters of files get their directories")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends")
    return parser.parse_args(arguments)


def _site(options: argparse.Namespace) -> CompiledSite:
    if options.compiled is None:
        from integrator.site.compile import compile_site

        return CompiledSite.from_plain(compile_site(options.site))
    text = sys.stdin.read() if str(options.compiled) == "-" else options.compiled.read_text("utf-8")
    return CompiledSite.from_plain(json.loads(text))


def _ports(texts: list[str]) -> dict[str, int]:
    ports: dict[str, int] = {}
    for text in texts:
        adapter, equals, port = text.partition("=")
        if not equals or not port.isdigit() or not 0 < int(port) < 65_536:
            raise SystemExit(f"--port {text}: write ADAPTER=PORT, for instance regional/bced-person=9001")
        ports[adapter] = int(port)
    return ports


async def serve(
    site: CompiledSite, ports: dict[str, int], *, with_parent: bool, files: Path | None = None
) -> None:
    """Run the sandbox until a signal, or the end of standard input."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, done.set)
    async with Sandbox(site, ports=ports, files=files) as sandbox:
        sys.stdout.write(json.dumps(sandbox.endpoints()) + "\n")
        sys.stdout.flush()
        if with_parent:
            _watch_input(loop, done)
        await done.wait()


def _watch_input(loop: asyncio.AbstractEventLoop, done: asyncio.Event) -> None:
    descriptor = sys.stdin.fileno()

    def read() -> None:
        if not os.read(descriptor, 4_096):
            loop.remove_reader(descriptor)
            done.set()

    loop.add_reader(descriptor, read)


def main(arguments: list[str] | None = None) -> None:
    """The entry point."""
    options = _arguments(arguments)
    ports = _ports(options.port)
    try:
        site = _site(options)
    except SiteError as error:
        raise SystemExit(f"{error} (integrator check --site {options.site} shows every mistake)") from None
    try:
        asyncio.run(serve(site, ports, with_parent=options.with_parent, files=options.files))
    except OSError as error:
        raise SystemExit(f"the sandbox cannot listen ({error.strerror}): choose other ports") from None


if __name__ == "__main__":
    main()
