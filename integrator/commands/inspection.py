"""`integrator journal search|show|readings|report|recipients|breach|link`: looking into the journal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from integrator.commands.shared import (
    VAR,
    VarOption,
    WhoOption,
    err,
    fail,
    offline_call,
    out,
    print_json,
    print_table,
    running_bus,
)

app = typer.Typer()
breach_app = typer.Typer(
    help="Breach sets: the distinct subjects reached by a key, an agent, a party or a flow. One person asks, "
    "another releases.",
    epilog="Example:  integrator journal breach ask --party municipal/namur --from 2026-03-01 --until 2026-03-31 "
    "--why 'stolen laptop, incident 2026/4'",
    no_args_is_help=True,
)
link_app = typer.Typer(
    help="Replaced national numbers: a search by either finds both.",
    epilog="Example:  integrator journal link add OLD NEW --why 'RN correction 2026/118'",
    no_args_is_help=True,
)
app.add_typer(breach_app, name="breach")
app.add_typer(link_app, name="link")

Why = Annotated[str, typer.Option("--why", help="Why; recorded. At least 8 characters that say something.")]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key-file", help="A file with a key made with --role; without it, the control token."),
]
From = Annotated[str | None, typer.Option("--from", help="From this date or time on (ISO 8601, UTC).")]
Until = Annotated[str | None, typer.Option("--until", help="Before this time, or to the end of this date.")]
Subject = Annotated[str, typer.Option("--subject", help="A national or enterprise number.")]
_SECONDS = 3_600.0


@contextmanager
def _busy(text: str) -> Iterator[None]:
    """A bar on a terminal while the bus reads; nothing where output is kept."""
    columns = (SpinnerColumn(), TextColumn(text), BarColumn(pulse_style="bold"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        progress.add_task(text, total=None)
        yield


def _read(
    var: Path, key_file: Path | None, path: str, who: str, why: str, arguments: dict[str, Any], **more: Any
) -> Any:
    """One reading, with the key of a role or the control token; ends with one line where it is refused."""
    from integrator.operations import runfile
    from integrator.operations.client import UnreachableError, call

    given = {name: value for name, value in arguments.items() if value is not None}
    wanted = {"who": who, "why": why, "arguments": given, **more}
    try:
        running = runfile.read(var) if key_file is None else running_bus(var)
        token = running.control_token if key_file is None else _key(key_file)
        with _busy("reading the journal"):
            answer = call(
                running.address, "POST", f"/api/journal/{path}", body=json.dumps(wanted).encode(), seconds=_SECONDS,
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            )  # fmt: skip
    except (runfile.NotRunningError, UnreachableError) as error:
        if key_file is not None:
            fail(str(error))
        with _busy("reading the journal"):
            return offline_call(var, "POST", f"/api/journal/{path}", wanted)
    found = answer.json()
    if answer.status >= 400:
        detail = found.get("detail") if isinstance(found, dict) else None
        fail(detail if isinstance(detail, str) else f"the bus answered {answer.status}")
    return found


def _key(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        fail(f"{path} cannot be read: name a file that holds a key of `integrator key add PARTY --role …`")


@app.command(
    "search",
    epilog="Examples:  integrator journal search --subject 85073003328 --why 'request 2026/17, art. 15'  ·  "
    "integrator journal search --flow person-consult --outcome refused --from 2026-03-01 --why 'monthly review'",
)
def search(
    why: Why,
    subject: Annotated[str | None, typer.Option(help="A national or enterprise number.")] = None,
    ticket: Annotated[str | None, typer.Option(help="A consumer's or provider's ticket.")] = None,
    exchange: Annotated[str | None, typer.Option(help="An exchange or record id: ours.")] = None,
    party: Annotated[str | None, typer.Option(help="The consumer.")] = None,
    flow: Annotated[str | None, typer.Option(help="The flow.")] = None,
    purpose: Annotated[str | None, typer.Option(help="The purpose.")] = None,
    dossier: Annotated[str | None, typer.Option(help="source:id, such as imio-urban:PE/2026/118.")] = None,
    agent: Annotated[str | None, typer.Option(help="manager:number, such as RN/RBis:<number>.")] = None,
    inscription: Annotated[str | None, typer.Option(help="An inscription reference.")] = None,
    outcome: Annotated[str | None, typer.Option(help="with-data, no-data, refused, failed, open…")] = None,
    from_: From = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Exchanges a page.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Of the page before.")] = None,
    who: WhoOption = "operator",
    key_file: KeyFile = None,
    var: VarOption = VAR,
) -> None:
    """Find exchanges by any combination, newest first; JSON lines where output is not a terminal."""
    arguments = {
        "subject": subject, "ticket": ticket, "exchange": exchange, "party": party, "flow": flow,
        "purpose": purpose, "dossier": dossier, "agent": agent, "inscription": inscription, "outcome": outcome,
        "from": from_, "until": until,
    }  # fmt: skip
    if not any(arguments.values()):
        fail("say what to search for: --subject, --ticket, --exchange, --party, --flow, --purpose, --dossier, "
             "--agent, --inscription, --outcome, --from or --until", 2)  # fmt: skip
    found = _read(var, key_file, "search", who, why, arguments, limit=limit, cursor=cursor)
    print_table(found["records"], ("time", "flow", "party", "purpose", "state", "outcome", "exchange"))
    if found["cursor"]:
        err.print(f"more: --cursor {found['cursor']}")


@app.command("show", epilog="Example:  integrator journal show 0193… --who 'A. Peeters' --why 'case 2026/12'")
def show(
    exchange: Annotated[str, typer.Argument(help="The exchange id.")],
    why: Why,
    who: WhoOption = "operator",
    key_file: KeyFile = None,
    var: VarOption = VAR,
) -> None:
    """Show every record of an exchange, its details opened, and the receipt of its end."""
    print_json(_read(var, key_file, "show", who, why, {"exchange": exchange}))


@app.command(
    "readings", epilog="Example:  integrator journal readings --subject 85073003328 --why 'complaint 2026/9'"
)
def readings(
    why: Why,
    subject: Annotated[str | None, typer.Option(help="Who looked up this number.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    who: WhoOption = "operator",
    key_file: KeyFile = None,
    var: VarOption = VAR,
) -> None:
    """List who looked into the journal, when and why; refused readings too."""
    found = _read(var, key_file, "readings", who, why, {"subject": subject}, limit=limit)
    print_table(found["records"], ("time", "actor", "why", "criterion", "found", "refused"))


@app.command(
    "report",
    epilog="Examples:  integrator journal report --subject 85073003328 --why 'request 2026/17, art. 15'  ·  "
    "integrator journal report --subject 85073003328 --format html --lang nl --save report.html --why 'request 2026/17'",
)
def report(
    subject: Subject,
    why: Why,
    format_: Annotated[str, typer.Option("--format", help="json, csv or html (a page to print).")] = "json",
    lang: Annotated[str, typer.Option(help="fr, nl, de or en.")] = "fr",
    save: Annotated[Path | None, typer.Option(help="Write it there instead of printing it.")] = None,
    from_: From = None,
    until: Until = None,
    who: WhoOption = "operator",
    key_file: KeyFile = None,
    var: VarOption = VAR,
) -> None:
    """Report to a citizen who consulted their data, when, why and under which authority."""
    if format_ not in ("json", "csv", "html") or lang not in ("fr", "nl", "de", "en"):
        fail("write --format json, csv or html, and --lang fr, nl, de or en", 2)
    found = _read(var, key_file, "report", who, why, {"subject": subject, "from": from_, "until": until})
    from integrator.portal import documents

    if format_ == "json":
        text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    else:
        text = (documents.report_csv if format_ == "csv" else documents.report_html)(found, lang)
    _give(text, save)


def _give(text: str, save: Path | None) -> None:
    """Print, or write to a file that only its owner reads: it is about a person."""
    if save is None:
        sys.stdout.write(text)
        return
    try:
        save.touch(mode=0o600)
        save.write_text(text, "utf-8", newline="")
    except OSError as error:
        fail(f"{save} cannot be written ({error.strerror}): name another file")
    err.print(f"written to {save}")


@app.command(
    "recipients",
    epilog="Example:  integrator journal recipients --subject 85073003328 --why 'art. 19, 2026/8'",
)
def recipients(
    subject: Subject, why: Why, from_: From = None, until: Until = None, who: WhoOption = "operator",
    key_file: KeyFile = None, var: VarOption = VAR,
) -> None:  # fmt: skip
    """List the organisations that received a subject's data: whom to tell of a rectification."""
    found = _read(var, key_file, "recipients", who, why, {"subject": subject, "from": from_, "until": until})
    print_table(found["records"], ("party", "organisation", "contact", "flow", "since", "last", "times"))


@breach_app.command("ask", epilog="Example:  integrator journal breach ask --agent RN/RBis:85073003328 --from 2026-03-01 "
                    "--until 2026-03-31 --why 'misuse reported, incident 2026/4'")  # fmt: skip
def breach_ask(
    why: Why,
    key: Annotated[str | None, typer.Option(help="The id of an API key.")] = None,
    agent: Annotated[str | None, typer.Option(help="manager:number.")] = None,
    party: Annotated[str | None, typer.Option(help="The consumer.")] = None,
    flow: Annotated[str | None, typer.Option(help="The flow.")] = None,
    from_: From = None,
    until: Until = None,
    who: WhoOption = "operator",
    key_file: KeyFile = None,
    var: VarOption = VAR,
) -> None:
    """Ask for a breach set; another person releases it, with another key."""
    arguments = {"key": key, "agent": agent, "party": party, "flow": flow, "from": from_, "until": until}
    made = _read(var, key_file, "breach", who, why, arguments)
    out.print(made["breach"])
    err.print("another person releases it: integrator journal breach release", made["breach"], "--key-file …")


@breach_app.command("list", epilog="Example:  integrator journal breach list")
def breach_list(who: WhoOption = "operator", key_file: KeyFile = None, var: VarOption = VAR) -> None:
    """List the breach sets asked for."""
    found = _read(var, key_file, "breach/list", who, "a list without subjects", {})
    print_table(found["records"], ("breach", "asked", "asked_by", "why", "released", "released_by"))


@breach_app.command("release", epilog="Example:  integrator journal breach release 0193… --key-file auditor.key "
                    "--who 'L. Janssens' --why 'incident 2026/4, agreed by the board'")  # fmt: skip
def breach_release(
    breach: Annotated[str, typer.Argument(help="The id of the breach set.")],
    why: Why, who: WhoOption = "operator", key_file: KeyFile = None, var: VarOption = VAR,
) -> None:  # fmt: skip
    """Release a breach set that another person asked for."""
    done = _read(var, key_file, f"breach/{breach}/release", who, why, {})
    out.print(f"{done['breach']} is released")


@breach_app.command("subjects", epilog="Example:  integrator journal breach subjects 0193… --format csv --save set.csv "
                    "--why 'incident 2026/4, art. 34'")  # fmt: skip
def breach_subjects(
    breach: Annotated[str, typer.Argument(help="The id of the breach set.")],
    why: Why,
    format_: Annotated[
        str, typer.Option("--format", help="table (JSON lines off a terminal) or csv.")
    ] = "table",
    save: Annotated[Path | None, typer.Option(help="Write the CSV there.")] = None,
    who: WhoOption = "operator",
    key_file: KeyFile = None,
    var: VarOption = VAR,
) -> None:
    """Give out the distinct subjects of a released breach set."""
    if format_ not in ("table", "csv"):
        fail(f"--format {format_}: write table or csv", 2)
    found = _read(var, key_file, f"breach/{breach}/subjects", who, why, {})
    if format_ == "csv" or save is not None:
        from integrator.portal import documents

        _give(documents.breach_csv(found), save)
    else:
        print_table(found["subjects"], ("kind", "subject", "times", "first", "last"))
    err.print(f"{len(found['subjects'])} subjects in {found['exchanges']} exchanges")


@link_app.command(
    "add",
    epilog="Example:  integrator journal link add 85073003328 17073003384 --why 'RN correction 2026/118'",
)
def link_add(
    old: Annotated[str, typer.Argument(help="The replaced number.")],
    new: Annotated[str, typer.Argument(help="The number in its place.")],
    why: Why, who: WhoOption = "operator", var: VarOption = VAR,
) -> None:  # fmt: skip
    """Link a replaced national number to the new one."""
    out.print(_read(var, None, "links/add", who, why, {"old": old, "new": new})["link"])


@link_app.command("list", epilog="Example:  integrator journal link list --why 'yearly review 2026'")
def link_list(why: Why, who: WhoOption = "operator", var: VarOption = VAR) -> None:
    """List the links."""
    print_table(_read(var, None, "links", who, why, {})["records"], ("link", "old", "new", "why", "who"))


@link_app.command(
    "remove", epilog="Example:  integrator journal link remove 0193… --why 'two persons, mistake 2026/3'"
)
def link_remove(
    link: Annotated[str, typer.Argument(help="The id of the link.")],
    why: Why, who: WhoOption = "operator", var: VarOption = VAR,
) -> None:  # fmt: skip
    """Forget a link that was a mistake."""
    _read(var, None, "links/remove", who, why, {"link": link})
    out.print(f"{link} is removed")
