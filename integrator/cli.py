"""The command line: `integrator --help`. Each command imports what it needs when it runs."""

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
from typer.exceptions import TyperException

import integrator

app = typer.Typer(
    name="integrator",
    help="The Walloon integrator: governed, traceable, fast exchanges between public bodies.",
    epilog="Examples:  integrator run --sandbox --demo  ·  integrator check  ·  integrator journal list",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
key_app = typer.Typer(
    help="API keys of parties.", epilog="Example:  integrator key list", no_args_is_help=True
)
journal_app = typer.Typer(
    help="Read the journal; every reading is itself recorded.",
    epilog="Example:  integrator journal list --limit 50",
    no_args_is_help=True,
)
keyring_app = typer.Typer(
    help="The bus's own secret keys.",
    epilog="Example:  integrator keyring create /run/secrets/integrator-keys.json",
    no_args_is_help=True,
)
site_app = typer.Typer(
    help="The site: flows, adapters, parties.",
    epilog="Example:  integrator site schemas --site /srv/site",
    no_args_is_help=True,
)
app.add_typer(key_app, name="key")
app.add_typer(journal_app, name="journal")
app.add_typer(site_app, name="site")
app.add_typer(keyring_app, name="keyring")

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

SiteOption = Annotated[Path, typer.Option("--site", help="The directory of the site.", show_default="here")]
VarOption = Annotated[Path, typer.Option("--var", help="Where the bus keeps what it creates.")]
HERE, VAR = Path(), Path("var")


def fail(message: str, status: int = 1) -> NoReturn:
    """One clear line, and the end."""
    err.print(f"[bold red]error:[/] {escape(message)}")
    raise typer.Exit(status)


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """The Walloon integrator."""
    if version:
        out.print(integrator.__version__)
        raise typer.Exit


# --- run ----------------------------------------------------------------------------------------


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


# --- check, activate, site ----------------------------------------------------------------------


@app.command(epilog="Examples:  integrator check  ·  integrator check --site /srv/site --format json")
def check(
    site: SiteOption = HERE,
    format_: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> None:
    """Find every mistake of a site in one pass; exit status 1 where there is one."""
    from integrator.authoring import report
    from integrator.authoring.check import check as find_problems

    if format_ not in ("text", "json"):
        fail(f"--format {format_}: write text or json", 2)
    if not site.is_dir():
        fail(f"there is no directory {site}: name the site's own with --site", 2)
    problems = find_problems(site)
    text = report.as_json(problems) if format_ == "json" else report.as_text(problems, colour=out.is_terminal)
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    raise typer.Exit(1 if any(problem.severity == "error" for problem in problems) else 0)


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


@site_app.command("schemas", epilog="Example:  integrator site schemas --site .")
def schemas(site: SiteOption = HERE) -> None:
    """Write the editor schemas and reference pages that are generated from the models."""
    from integrator.authoring.generate import write_all

    if not site.is_dir():
        fail(f"there is no directory {site}: name the site's own with --site", 2)
    try:
        written = write_all(site)
    except OSError as error:
        fail(f"{error.filename} cannot be written ({error.strerror}): correct its owner or mode")
    for path in written:
        out.print(escape(str(path)))


# --- keys ---------------------------------------------------------------------------------------


@key_app.command("add", epilog="Example:  integrator key add municipal/namur --label 'urbanism' --days 365")
def key_add(
    party: Annotated[str, typer.Argument(help="The party, as parties/*.yaml names it.")],
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
    days: Annotated[int, typer.Option(help="How long it is valid.", min=1, max=3650)] = 365,
    var: VarOption = VAR,
) -> None:
    """Make an API key of a party and print it, once."""
    made = control_call(var, "POST", "/api/keys", {"party": party, "label": label, "days": days})
    out.print(f"{made['key']}", style="bold")
    err.print(f"key {made['id']} of {made['party']}, valid until {made['expires']}. It is not shown again.")


@key_app.command("list", epilog="Examples:  integrator key list  ·  integrator key list --all")
def key_list(
    all_: Annotated[bool, typer.Option("--all", help="Revoked keys too.")] = False, var: VarOption = VAR
) -> None:
    """List the keys, without their secrets; JSON lines where standard output is not a terminal."""
    rows = [row for row in control_call(var, "GET", "/api/keys") if all_ or not row["revoked"]]
    print_table(rows, ("id", "party", "label", "expires", *(("revoked",) if all_ else ())))


@key_app.command("revoke", epilog="Example:  integrator key revoke 1f2e3d4c5b6a7988")
def key_revoke(key_id: Annotated[str, typer.Argument(help="The key's id.")], var: VarOption = VAR) -> None:
    """End a key now."""
    control_call(var, "DELETE", f"/api/keys/{key_id}")
    out.print(f"key {key_id} is revoked")


# --- the bus's own keys -------------------------------------------------------------------------


@keyring_app.command("create", epilog="Example:  integrator keyring create /run/secrets/integrator-keys.json")
def keyring_create(path: Annotated[Path, typer.Argument(help="A file that does not exist yet.")]) -> None:
    """Make a new key file, readable by you alone. Back it up apart from the database."""
    from integrator.security.keyring import Keyring

    try:
        Keyring.create(path)
    except OSError as error:
        fail(f"{path}: {error.strerror}; name a file that is not there yet, in a directory you may write")
    out.print(f"{path}: keep a copy apart from the database; without it records cannot be opened")


@keyring_app.command(
    "add", epilog="Example:  integrator keyring add /run/secrets/integrator-keys.json --purpose log"
)
def keyring_add(
    path: Annotated[Path, typer.Argument(help="The key file.")],
    purpose: Annotated[str, typer.Option(help="What the new key is for.")],
) -> None:
    """Add a new key to the key file; it is current from the next start on. Back the file up, then enrol."""
    from integrator.security.keyring import Keyring, KeyringError

    try:
        made = Keyring.add(path, purpose)
    except KeyringError as error:
        fail(str(error))
    out.print(f"{made}: back the key file up, then run `integrator keyring enrol`")


@keyring_app.command("enrol", epilog="Example:  integrator keyring enrol --var var")
def keyring_enrol(var: VarOption = VAR) -> None:
    """Tell the database about keys that were added to the key file. The bus must be stopped on SQLite."""
    from integrator.foundations import Options, StartRefusedError
    from integrator.serve import enrol_offline
    from integrator.site.settings import SettingsError, load_settings

    try:
        options = Options.of(load_settings({"var": var}))
        refuse_nothing_there(options)
        known = enrol_offline(options)
    except (SettingsError, StartRefusedError) as error:
        fail(str(error))
    out.print(f"the database knows: {', '.join(known)}")


# --- send ---------------------------------------------------------------------------------------


@app.command(
    epilog="Example:  integrator send person-consult --as municipal/namur --data request.json "
    "--purpose environmental-permit --dossier imio-urban:PE/2026/118 --agent RN/RBis:85073003328"
)
def send(
    flow: Annotated[str, typer.Argument(help="The flow, as routes.yaml names it.")],
    party: Annotated[str, typer.Option("--as", help="The party that asks; its demo key, or INTEGRATOR_KEY.")],
    data: Annotated[Path, typer.Option("--data", help="The JSON body; - reads standard input.")],
    purpose: Annotated[str | None, typer.Option(help="Why: a purpose of the flow's grants.")] = None,
    dossier: Annotated[str | None, typer.Option(help="The case: source:id.")] = None,
    agent: Annotated[str | None, typer.Option(help="The civil servant: manager:identifier.")] = None,
    application: Annotated[str, typer.Option(help="The calling application, at most 32 characters.")] = "cli",
    idempotency_key: Annotated[
        str | None, typer.Option(help="For events: repeats are recognised by it.")
    ] = None,
    var: VarOption = VAR,
) -> None:
    """Send one exchange to the running bus as a party, and print the answer."""
    import os

    from integrator.operations.client import CallError
    from integrator.operations.send import Justification
    from integrator.operations.send import send as send_request

    running = running_bus(var)
    key = os.environ.get("INTEGRATOR_KEY") or running.keys.get(party)
    if key is None:
        fail(f"no key of {party}: set INTEGRATOR_KEY, or make one with `integrator key add {party}`")
    found = control_call(var, "GET", f"/api/flows/{flow}")
    entry = next((e for e in found["entries"] if e["kind"] == "rest"), None)
    if entry is None:
        fail(f"{flow} has no REST entry: call its SOAP path with the contract's own client")
    try:
        body = sys.stdin.buffer.read() if str(data) == "-" else data.read_bytes()
    except OSError as error:
        fail(f"{data} cannot be read: {error.strerror}")
    if purpose is None and len(found["purposes"]) == 1:
        purpose = found["purposes"][0]
    why = Justification(purpose, dossier, agent, application, None, idempotency_key)
    try:
        answer = send_request(running.address, entry["method"], entry["path"], body, key=key, why=why)
    except CallError as error:
        fail(str(error))
    colour = "green" if answer.status < 400 else "red"
    err.print(f"[bold {colour}]{answer.status}[/]  exchange {answer.headers.get('belgov-trace-id', '-')}")
    print_json(answer.json())
    raise typer.Exit(0 if answer.status < 400 else 1)


# --- journal ------------------------------------------------------------------------------------

WhoOption = Annotated[str, typer.Option("--who", envvar="USER", help="Who reads; recorded.")]
WhyOption = Annotated[str, typer.Option("--why", help="Why; recorded.")]


@journal_app.command("list", epilog="Example:  integrator journal list --limit 50 --why 'daily look'")
def journal_list(
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, newest first.")] = 20,
    flow: Annotated[str | None, typer.Option(help="Of this flow only.")] = None,
    party: Annotated[str | None, typer.Option(help="Of this party only.")] = None,
    who: WhoOption = "operator",
    why: WhyOption = "operations",
    var: VarOption = VAR,
) -> None:
    """List the latest records."""
    print_records(journal_call(var, "list", {"limit": limit, "flow": flow, "party": party}, who, why))


@journal_app.command(
    "show", epilog="Example:  integrator journal show 0193… --who auditor --why 'case 2026/12'"
)
def journal_show(
    exchange: Annotated[str, typer.Argument(help="The exchange id.")],
    why: Annotated[str, typer.Option("--why", help="Why; recorded.")],
    who: WhoOption = "operator",
    var: VarOption = VAR,
) -> None:
    """Show every record of an exchange, its details opened."""
    print_json(journal_call(var, "show", {"exchange": exchange}, who, why))


@journal_app.command(
    "search", epilog="Example:  integrator journal search --subject 85073003328 --why 'art. 15'"
)
def journal_search(
    why: Annotated[str, typer.Option("--why", help="Why; recorded.")],
    subject: Annotated[str | None, typer.Option(help="A national or enterprise number.")] = None,
    ticket: Annotated[str | None, typer.Option(help="A consumer's or provider's ticket.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    who: WhoOption = "operator",
    var: VarOption = VAR,
) -> None:
    """Find the records of a subject or a ticket."""
    if (subject is None) is (ticket is None):
        fail("give either --subject or --ticket", 2)
    wanted = {"subject": subject, "ticket": ticket, "limit": limit}
    print_records(journal_call(var, "search", wanted, who, why))


@journal_app.command("check", epilog="Example:  integrator journal check")
def journal_check(who: WhoOption = "operator", why: WhyOption = "operations", var: VarOption = VAR) -> None:
    """Check the whole journal: indexes, hashes, commitments, links, one final state an exchange."""
    report = journal_call(var, "check", {}, who, why)
    print_json(report)
    raise typer.Exit(0 if report.get("sound") else 1)


@journal_app.command("adopt", epilog="Example:  integrator journal adopt --why 'the anchor volume is lost'")
def journal_adopt(
    why: Annotated[str, typer.Option("--why", help="Why; recorded.")],
    who: WhoOption = "operator",
    var: VarOption = VAR,
) -> None:
    """Make the journal as it is the new anchor, where the file is lost for good. The bus must be stopped."""
    from integrator.foundations import Options, StartRefusedError
    from integrator.serve import adopt_offline
    from integrator.site.settings import SettingsError, load_settings

    try:
        options = Options.of(load_settings({"var": var}))
        refuse_nothing_there(options)
        adopted = adopt_offline(options, who, why)
    except (SettingsError, StartRefusedError) as error:
        fail(str(error))
    out.print(f"the anchor is now at {adopted['size']} sealed records")


@journal_app.command("receipt", epilog="Example:  integrator journal receipt 0193… --save 0193.tlog-proof")
def journal_receipt(
    exchange: Annotated[str, typer.Argument(help="The exchange id.")],
    save: Annotated[
        Path | None, typer.Option("--save", help="Write it there instead of printing it.")
    ] = None,
    who: WhoOption = "operator",
    why: WhyOption = "operations",
    var: VarOption = VAR,
) -> None:
    """Print the receipt of an exchange's end: proof, for ever and offline, that it stands in the log."""
    text: str = journal_call(var, "receipt", {"exchange": exchange}, who, why)["receipt"]
    if save is None:
        sys.stdout.write(text)
    else:
        save.write_text(text, "utf-8")
        err.print(f"{save}: check it with `integrator journal verify {save}`")


@journal_app.command("key", epilog="Example:  integrator journal key")
def journal_key(var: VarOption = VAR) -> None:
    """Print the public key the log is signed with; give it to whoever verifies."""
    sys.stdout.write(journal_call(var, "key", {}, "operator", "public key")["key"] + "\n")


@journal_app.command(
    "verify",
    epilog="Examples:  integrator journal verify https://bus.example/log --key KEY --tiles-only  ·  "
    "integrator journal verify 0193.tlog-proof",
)
def journal_verify(
    target: Annotated[str, typer.Argument(help="A directory, an address, or a receipt file.")],
    key: Annotated[
        list[str] | None, typer.Option("--key", help="Verifier key you trust; without it, this bus's own.")
    ] = None,
    origin: Annotated[str | None, typer.Option(help="The log's name; without it, the key's.")] = None,
    earlier: Annotated[
        list[Path] | None, typer.Option("--earlier", help="A checkpoint you kept: the log must continue it.")
    ] = None,
    tiles_only: Annotated[bool, typer.Option("--tiles-only", help="Read hashes, no entries.")] = False,
    keep: Annotated[Path | None, typer.Option("--keep", help="Keep what is read in this directory.")] = None,
    token_file: Annotated[Path | None, typer.Option("--token-file", help="Bearer token for entries.")] = None,
    var: VarOption = VAR,
) -> None:
    """Check a log or a receipt from outside, trusting nothing but the key. No part of the bus is used."""
    from integrator.journal import verify_log

    keys = key or [journal_call(var, "key", {}, "operator", "public key")["key"]]
    given = [target, *(f"--key={text}" for text in keys), *(f"--earlier={path}" for path in earlier or [])]
    given += [f"--origin={origin}"] if origin else []
    given += [f"--keep={keep}"] if keep else []
    given += [f"--token-file={token_file}"] if token_file else []
    given += ["--tiles-only"] if tiles_only else []
    raise typer.Exit(verify_log.main(given))


# --- doctor -------------------------------------------------------------------------------------


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


# --- shared -------------------------------------------------------------------------------------


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


def main() -> None:
    """The console script: a wrong option is one line that says what to do, never a traceback."""
    try:
        status = app(prog_name="integrator", standalone_mode=False)
    except TyperException as error:
        context = getattr(error, "ctx", None)
        if not error.format_message() or type(error).__name__ == "NoArgsIsHelpError":
            sys.exit(error.exit_code)  # the help was printed
        command = context.command_path if context is not None else "integrator"
        line = " ".join(error.format_message().split()).rstrip(".")
        err.print(f"[bold red]error:[/] {escape(line)}: see `{command} --help`")
        sys.exit(error.exit_code)
    except typer.Abort:
        sys.exit(130)
    sys.exit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    main()
