"""What every command uses: consoles, options, calls to the bus, ways to print."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

SiteOption = Annotated[Path, typer.Option("--site", help="The directory of the site.", show_default="here")]
VarOption = Annotated[Path, typer.Option("--var", help="Where the bus keeps what it creates.")]
HERE, VAR = Path(), Path("var")
WhoOption = Annotated[str, typer.Option("--who", envvar="USER", help="Who reads; recorded.")]
WhyOption = Annotated[str, typer.Option("--why", help="Why; recorded.")]


def fail(message: str, status: int = 1) -> NoReturn:
    """One clear line, and the end."""
    err.print(f"[bold red]error:[/] {escape(message)}")
    raise typer.Exit(status)


def running_bus(var: Path) -> Any:
    """The run file of the bus that runs from `var`; ends with one line where there is none."""
    from integrator.operations import runfile

    try:
        return runfile.read(var)
    except runfile.NotRunningError as error:
        fail(str(error))


def control_call(var: Path, method: str, path: str, wanted: Any = None) -> Any:
    """A call of the control plane: of the running bus, else of one opened for this call alone."""
    from integrator.operations import runfile
    from integrator.operations.client import CallError, UnreachableError, control

    try:
        running = runfile.read(var)
    except runfile.NotRunningError:
        return offline_call(var, method, path, wanted)
    try:
        return control(running, method, path, wanted)
    except UnreachableError:  # killed, and its process id given to another: the store's lock knows
        return offline_call(var, method, path, wanted)
    except CallError as error:
        fail(str(error))


def offline_call(var: Path, method: str, path: str, wanted: Any) -> Any:
    """The same call without a running bus: takes the store's lock, does it, gives the lock back."""
    from integrator.foundations import Options, StartRefusedError
    from integrator.serve import control_offline
    from integrator.site.settings import SettingsError, load_settings

    try:
        options = Options.of(load_settings({"var": var}))
        refuse_nothing_there(options)
        status, answer = control_offline(options, method, path, wanted)
    except (SettingsError, StartRefusedError) as error:
        fail(str(error))
    if status >= 400:
        fail(str(answer.get("detail") if isinstance(answer, dict) else answer))
    return answer


def refuse_nothing_there(options: Any) -> None:
    """End with one line where no bus has run: a command that reads makes no database."""
    from integrator.foundations import has_database

    if options.single and not has_database(options):
        fail(f"no bus has run from {options.var} yet: start one with `integrator run`, or name its --var")


def journal_call(var: Path, command: str, arguments: dict[str, Any], who: str, why: str) -> Any:
    """A reading of the journal."""
    given = {name: value for name, value in arguments.items() if value is not None}
    return control_call(var, "POST", f"/api/journal/{command}", {"arguments": given, "who": who, "why": why})


def print_json(value: Any) -> None:
    """Readable JSON on standard output."""
    sys.stdout.write(visible(json.dumps(value, indent=2, ensure_ascii=False)) + "\n")


def visible(text: str) -> str:
    """The text without what steers a terminal or turns text around: details are what consumers typed."""
    return re.sub("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]", "?", text)


def print_records(found: Any) -> None:
    """Records as a table, or as JSON lines where standard output is not a terminal."""
    records = found["records"] if isinstance(found, dict) else found
    print_table(records, ("index", "time", "flow", "party", "type", "outcome", "exchange"))


def print_table(rows: Any, names: tuple[str, ...]) -> None:
    """Rows as a table of those columns, or whole as JSON lines where nobody reads along."""
    if not out.is_terminal:
        for row in rows:
            sys.stdout.write(visible(json.dumps(row, ensure_ascii=False)) + "\n")
        return
    table = Table()
    for name in names:  # identifiers are copied from here: they are never cut
        table.add_column(name, no_wrap=name in ("id", "exchange"), overflow="fold")
    for row in rows:
        table.add_row(*(escape(str("" if row.get(name) is None else row.get(name))) for name in names))
    out.print(table)
