"""`integrator run`, `activate`, `doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from integrator.commands.shared import HERE, VAR, SiteOption, VarOption, control_call, err, fail, out

app = typer.Typer()


@app.command(
    epilog="Examples:  integrator run --sandbox  ·  integrator run --site /srv/site --database "
    "postgresql://bus@db/bus --broker amqp://bus@mq/bus --workers 2"
)
def run(
    site: Annotated[Path | None, typer.Option("--site", help="The directory of the site.")] = None,
    var: Annotated[Path | None, typer.Option("--var", help="Where the bus keeps what it creates.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    database: Annotated[str | None, typer.Option(help="sqlite:///FILE or postgresql://USER@HOST/DB")] = None,
    broker: Annotated[str | None, typer.Option(help="memory:// or amqp://USER@HOST/VHOST")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Bus processes; more than one needs both services.")
    ] = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Simulators instead of real providers.")] = False,
    demo: Annotated[
        bool, typer.Option("--demo", help="Send a few exchanges and print what happened.")
    ] = False,
    data_plane_only: Annotated[bool, typer.Option("--data-plane-only", help="No portal, no /api.")] = False,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    trace: Annotated[
        bool, typer.Option("--trace", help="Log every step of the routes, without content.")
    ] = False,
) -> None:
    """Start the bus. Without services named it is the embedded mode: SQLite, memory broker, loopback."""
    import os

    from integrator.foundations import Options, StartRefusedError
    from integrator.operations.workers import WORKER
    from integrator.serve import serve
    from integrator.site.settings import SettingsError, load_settings

    try:
        settings = load_settings(
            {
                "site": site,
                "var": var,
                "host": host,
                "port": port,
                "database": database,
                "broker": broker,
                "workers": workers,
                "log_level": log_level,
                "trace": trace or None,
                "sandbox": sandbox or None,
                "demo": demo or None,
                "control_plane": False if data_plane_only else None,
            }
        )
        worker = int(os.environ.get(WORKER, "0"))
        options = Options.of(settings, worker=worker)
        status = serve(options)
    except (SettingsError, StartRefusedError) as error:
        fail(str(error))
    raise typer.Exit(status)


@app.command(epilog="Example:  integrator activate --var var")
def activate(var: VarOption = VAR) -> None:
    """Check, compile and activate the running bus's site directory; running exchanges end on the old one."""
    done = control_call(var, "POST", "/api/site/activate")
    if done["problems"]:
        for problem in done["problems"]:
            place = f"{problem['file']}:{problem['line']}:{problem['column']}"
            err.print(f"{place}: [bold]{problem['rule']}[/] {escape(str(problem['message']))}")
        fail("the site was not activated; the bus goes on with the one it has")
    out.print(f"active: {done['site']}" + ("" if done["changed"] else " (unchanged)"))


@app.command(epilog="Example:  integrator doctor --var var")
def doctor(site: SiteOption = HERE, var: VarOption = VAR) -> None:
    """Check every prerequisite and say what to do."""
    from integrator.authoring.check import check as find_problems
    from integrator.operations.doctor import Finding, Surroundings, examine
    from integrator.site.settings import SettingsError, load_settings

    try:
        settings = load_settings({"var": var, "site": site})
    except SettingsError as error:
        fail(str(error))
    at = Surroundings(
        settings.var,
        settings.host,
        settings.port,
        settings.database_url,
        settings.broker_url,
        settings.key_file or settings.var / "keys.json",
    )
    findings = list(examine(at))
    problems = find_problems(site) if site.is_dir() else []
    mistakes = sum(problem.severity == "error" for problem in problems)
    if mistakes:
        count = f"{mistakes} mistake{'' if mistakes == 1 else 's'}"
        findings.append(Finding("site", "failed", count, f"integrator check --site {site} shows them"))
    else:
        findings.append(Finding("site", "ok", "no mistakes"))
    colours = {"ok": "green", "advice": "yellow", "failed": "red"}
    table = Table()
    for name in ("check", "state", "found", "what to do"):
        table.add_column(name, overflow="fold")
    for finding in findings:
        state = f"[{colours[finding.state]}]{finding.state}[/]"
        table.add_row(finding.name, state, escape(finding.detail), escape(finding.remedy))
    out.print(table)
    raise typer.Exit(1 if any(finding.state == "failed" for finding in findings) else 0)
