"""`integrator journal …`: keeping it: retention, erasure, legal holds, new keys, export."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from integrator.commands.shared import (
    VAR,
    VarOption,
    WhoOption,
    WhyOption,
    control_call,
    err,
    fail,
    out,
    print_table,
    refuse_nothing_there,
    running_bus,
)

app = typer.Typer()
hold_app = typer.Typer(
    help="Legal holds: what is held is neither deleted nor erased.",
    epilog="Example:  integrator journal hold list --why 'inquiry 2026/3'",
    no_args_is_help=True,
)
app.add_typer(hold_app, name="hold")

ReasonOption = Annotated[str, typer.Option("--why", help="Why; recorded.")]
FromOption = Annotated[datetime | None, typer.Option("--from", help="From this time on, UTC.")]
UntilOption = Annotated[datetime | None, typer.Option("--until", help="Before this time, UTC.")]
_LOOK_SECONDS = 0.2


@app.command("retain", epilog="Examples:  integrator journal retain --dry-run  ·  integrator journal retain")
def journal_retain(
    dry: Annotated[bool, typer.Option("--dry-run", help="Only count what would be deleted.")] = False,
    who: WhoOption = "operator",
    why: WhyOption = "retention",
    var: VarOption = VAR,
) -> None:
    """Delete the details whose retention class has expired. The bus does it by itself every hour."""
    done = long_call(var, "/api/journal/retain", {"dry": dry, "who": who, "why": why}, "details")
    rows = [{**row, "until": _day(row["until"])} for row in done["classes"]]
    print_table(rows, ("class", "until", "deleted", "held"))
    if dry:
        err.print("nothing was deleted: this was a dry run")


@app.command(
    "erase",
    epilog="Example:  integrator journal erase --subject 85073003328 --why 'order of the court 2026/17'",
)
def journal_erase(
    subject: Annotated[str, typer.Option(help="The national or enterprise number.")],
    why: ReasonOption,
    who: WhoOption = "operator",
    var: VarOption = VAR,
) -> None:
    """Erase one subject's details, for ever. Leaves and proofs stay; what others need of them stays too."""
    wanted = {"subject": subject, "who": who, "why": why}
    done = long_call(var, "/api/journal/erase", wanted, "exchanges")
    out.print(
        f"erased in {done['exchanges']} exchanges: {done['whole']} records whole, "
        f"{done['parts']} parts of {done['records'] - done['whole']} others"
    )
    if done["open"]:
        fail(f"{done['open']} exchanges have not ended yet and were left alone: erase again once they have")


@app.command("rekey", epilog="Example:  integrator journal rekey --why 'yearly rotation'")
def journal_rekey(why: WhyOption = "new keys", who: WhoOption = "operator", var: VarOption = VAR) -> None:
    """Move details and tags under the current keys. It goes on by itself where it was stopped."""
    done = long_call(var, "/api/journal/rekey", {"who": who, "why": why}, "details")
    out.print(f"{done['records']} details and {done['tags']} tags are under the current keys now")
    if done["unreadable"]:
        err.print(f"{done['unreadable']} details could not be opened: run `integrator journal check`")
    for key_id in done["left"]:
        err.print(f"the key {key_id} is still used")


@app.command(
    "export",
    epilog="Examples:  integrator journal export log.tar  ·  "
    "integrator journal export --from 2026-01-01 --until 2026-02-01 january.tar",
)
def journal_export(
    target: Annotated[Path, typer.Argument(metavar="OUT", help="A name ending in .tar, or a new directory.")],
    range_: Annotated[
        str | None, typer.Option("--range", metavar="A:B", help="Entries A to before B, by index.")
    ] = None,
    since: FromOption = None,
    until: UntilOption = None,
    who: WhoOption = "operator",
    why: WhyOption = "export",
    var: VarOption = VAR,
) -> None:
    """Write a part of the log as an archive that verifies alone, without this bus."""
    if range_ is not None and (since or until):
        fail("give either --range, or --from and --until", 2)
    wanted = {**_range(range_), **_span(since, until), "who": who, "why": why}
    if target.exists():
        fail(f"{target} is there already: name another place")
    with _bar() as bar:
        task = bar.add_task("files", total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        files = _export(var, wanted, target, advance)
    out.print(f"{target}: {files} files. Check it with `integrator journal verify {target}`")


def _export(var: Path, wanted: dict[str, Any], target: Path, advance: Any) -> int:
    """From the running bus over HTTP, else from the database itself."""
    from integrator.journal import archive, verify
    from integrator.operations import runfile

    try:
        running = runfile.read(var)
    except runfile.NotRunningError:
        return _export_offline(var, wanted, target, advance)
    plan = control_call(var, "POST", "/api/journal/export", wanted)
    served = verify.address(f"{running.address}/log", running.control_token)
    try:
        return archive.write(target, _planned(plan), _with_note(served, plan["checkpoint"]), advance)
    except (OSError, verify.LogRefused) as error:
        fail(str(error))


def _export_offline(var: Path, wanted: dict[str, Any], target: Path, advance: Any) -> int:
    from integrator.foundations import Options, StartRefusedError
    from integrator.offline import export_offline
    from integrator.site.settings import SettingsError, load_settings

    try:
        return export_offline(Options.of(load_settings({"var": var})), wanted, target, advance)
    except (SettingsError, StartRefusedError, OSError) as error:
        fail(str(error))


def _planned(plan: dict[str, Any]) -> Any:
    from integrator.journal.archive import Range

    return Range(plan["origin"], plan["size"], plan["start"], plan["stop"], tuple(plan["keys"]))


def _with_note(read: Any, note: str) -> Any:
    return lambda name: note.encode() if name == "checkpoint" else read(name)


# --- after a restore ------------------------------------------------------------------------------


@app.command(
    "recover",
    epilog="Examples:  integrator journal recover --from log-copy --why 'restored 2026-11-24'  ·  "
    "integrator journal recover --from january.tar --from a.tlog-proof --why 'restored'",
)
def journal_recover(
    source: Annotated[
        list[str],
        typer.Option("--from", help="A copy of the log (directory, .tar, address) or a receipt; repeat it."),
    ],
    why: ReasonOption,
    token_file: Annotated[Path | None, typer.Option("--token-file", help="Bearer token for entries.")] = None,
    who: WhoOption = "operator",
    var: VarOption = VAR,
) -> None:
    """Get back what a restored database lacks of its log. The bus must be stopped."""
    from integrator.foundations import Options, StartRefusedError
    from integrator.journal.search import Reading
    from integrator.offline import recover_offline
    from integrator.site.settings import SettingsError, load_settings

    with _bar() as bar:
        task = bar.add_task("entries", total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        try:
            options = Options.of(load_settings({"var": var}))
            refuse_nothing_there(options)
            token = token_file.read_text("utf-8").strip() if token_file else None
            done = recover_offline(options, source, token, Reading(who, why), advance)
        except (SettingsError, StartRefusedError, OSError) as error:
            fail(str(error))
    out.print(
        f"entries {done.start} to {done.stop - 1} are back, without their details: start the bus, then "
        "`integrator journal check`"
    )


@app.command(
    "new-epoch", epilog="Example:  integrator journal new-epoch --why 'disk lost 2026-11-24, backup of 23'"
)
def journal_new_epoch(
    why: ReasonOption,
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="The newest checkpoint an outsider kept.")
    ] = None,
    who: WhoOption = "operator",
    var: VarOption = VAR,
) -> None:
    """Let the log go on under a new name, where lost entries cannot be recovered. The bus must be stopped."""
    from integrator.foundations import Options, StartRefusedError
    from integrator.journal.search import Reading
    from integrator.offline import new_epoch_offline
    from integrator.site.settings import SettingsError, load_settings

    try:
        options = Options.of(load_settings({"var": var}))
        refuse_nothing_there(options)
        begun = new_epoch_offline(options, checkpoint, Reading(who, why))
    except (SettingsError, StartRefusedError, OSError) as error:
        fail(str(error))
    out.print(
        f"the log is now {begun.origin}: it keeps {begun.kept_size} entries, and its next record says that "
        f"{begun.lost_size - begun.kept_size} were lost. Give auditors and witnesses the key that "
        "`integrator journal key` prints"
    )


# --- legal holds ----------------------------------------------------------------------------------


@hold_app.command(
    "add", epilog="Example:  integrator journal hold add --subject 85073003328 --why 'inquiry 2026/3'"
)
def hold_add(
    why: ReasonOption,
    subject: Annotated[str | None, typer.Option(help="A national or enterprise number.")] = None,
    exchange: Annotated[str | None, typer.Option(help="An exchange id.")] = None,
    party: Annotated[str | None, typer.Option(help="A party.")] = None,
    flow: Annotated[str | None, typer.Option(help="A flow.")] = None,
    since: FromOption = None,
    until: UntilOption = None,
    who: WhoOption = "operator",
    var: VarOption = VAR,
) -> None:
    """Hold the exchanges of a subject, a party or a flow, or one exchange."""
    given = {"subject": subject, "exchange": exchange, "party": party, "flow": flow}
    named = [(kind, value) for kind, value in given.items() if value is not None]
    if len(named) != 1:
        fail("give one of --subject, --exchange, --party and --flow", 2)
    kind, value = named[0]
    wanted = {"kind": kind, "value": value, "who": who, "why": why, **_span(since, until)}
    made = control_call(var, "POST", "/api/journal/holds", wanted)
    out.print(f"hold {made['hold']} is in force")


@hold_app.command("list", epilog="Example:  integrator journal hold list --all --why 'yearly review'")
def hold_list(
    why: ReasonOption,
    all_: Annotated[bool, typer.Option("--all", help="Lifted ones too.")] = False,
    who: WhoOption = "operator",
    var: VarOption = VAR,
) -> None:
    """List the holds in force, newest first; looking is recorded, for a hold names its subject."""
    rows = control_call(var, "POST", "/api/journal/holds/list", {"all": all_, "who": who, "why": why})
    print_table(rows, ("hold", "kind", "value", "why", "who", "since", "until", "lifted"))


@hold_app.command("lift", epilog="Example:  integrator journal hold lift 0193… --why 'inquiry closed'")
def hold_lift(
    hold: Annotated[str, typer.Argument(help="The hold's id.")],
    why: ReasonOption,
    who: WhoOption = "operator",
    var: VarOption = VAR,
) -> None:
    """Lift a hold: what has expired meanwhile goes with the next retention."""
    control_call(var, "POST", f"/api/journal/holds/{hold}/lift", {"who": who, "why": why})
    out.print(f"hold {hold} is lifted")


# --- shared ---------------------------------------------------------------------------------------


def long_call(var: Path, path: str, wanted: dict[str, Any], what: str) -> dict[str, Any]:
    """Begin long work and show how far it is, until it ends; its result. Ends the command where it failed."""
    with _bar() as bar:
        task = bar.add_task(what, total=None)
        work = control_call(var, "POST", path, wanted)
        while work["state"] == "running":
            bar.update(task, completed=work["done"], total=work["total"] or None)
            time.sleep(_LOOK_SECONDS)
            running_bus(var)
            work = control_call(var, "GET", f"/api/journal/jobs/{work['id']}")
        bar.update(task, completed=work["done"], total=work["total"] or 1)
    if work["state"] == "failed":
        fail(work["error"])
    result: dict[str, Any] = work["result"]
    return result


def _bar() -> Progress:
    return Progress(console=err, transient=True, disable=not err.is_terminal)


def _range(text: str | None) -> dict[str, int]:
    if text is None:
        return {}
    start, colon, stop = text.partition(":")
    if not colon or not all(part.isascii() and (part.isdigit() or not part) for part in (start, stop)):
        fail("write --range like 0:1000, 1000: or :1000", 2)
    return {name: int(part) for name, part in (("start", start), ("stop", stop)) if part}


def _span(since: datetime | None, until: datetime | None) -> dict[str, str]:
    given = {"since": since, "until": until}
    return {name: moment.isoformat() for name, moment in given.items() if moment is not None}


def _day(time_us: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(time_us / 1e6))
