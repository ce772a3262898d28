"""`integrator journal …`: reading and verifying."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from integrator.commands.shared import (
    VAR,
    VarOption,
    WhoOption,
    WhyOption,
    err,
    fail,
    journal_call,
    out,
    print_json,
    print_records,
    refuse_nothing_there,
)

app = typer.Typer(
    help="Read the journal; every reading is itself recorded.",
    epilog="Example:  integrator journal list --limit 50",
    no_args_is_help=True,
)


@app.command("list", epilog="Example:  integrator journal list --limit 50 --why 'daily look'")
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


@app.command("check", epilog="Example:  integrator journal check")
def journal_check(who: WhoOption = "operator", why: WhyOption = "operations", var: VarOption = VAR) -> None:
    """Check the whole journal: indexes, hashes, commitments, links, one final state an exchange."""
    report = journal_call(var, "check", {}, who, why)
    print_json(report)
    raise typer.Exit(0 if report.get("sound") else 1)


@app.command("adopt", epilog="Example:  integrator journal adopt --why 'the anchor volume is lost'")
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


@app.command("receipt", epilog="Example:  integrator journal receipt 0193… --save 0193.tlog-proof")
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


@app.command("key", epilog="Examples:  integrator journal key  ·  integrator journal key --former")
def journal_key(
    former: Annotated[bool, typer.Option("--former", help="Those of earlier rotations too.")] = False,
    var: VarOption = VAR,
) -> None:
    """Print the public key the log is signed with; give it to whoever verifies."""
    keys = _own_keys(var)
    sys.stdout.write("".join(f"{key}\n" for key in (keys if former else keys[:1])))


def _own_keys(var: Path) -> list[str]:
    """The verifier keys of this bus's log, the present one first."""
    found = journal_call(var, "key", {}, "operator", "public key")
    return [found["key"], *found["former"]]


@app.command(
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
    policy: Annotated[
        Path | None, typer.Option("--policy", help="Which witnesses must have cosigned (C2SP tlog-policy).")
    ] = None,
    tiles_only: Annotated[bool, typer.Option("--tiles-only", help="Read hashes, no entries.")] = False,
    keep: Annotated[Path | None, typer.Option("--keep", help="Keep what is read in this directory.")] = None,
    token_file: Annotated[Path | None, typer.Option("--token-file", help="Bearer token for entries.")] = None,
    var: VarOption = VAR,
) -> None:
    """Check a log or a receipt from outside, trusting nothing but the key. No part of the bus is used."""
    from integrator.journal import verify

    keys = key or [] if policy is not None else key or _own_keys(var)
    given = [target, *(f"--key={text}" for text in keys), *(f"--earlier={path}" for path in earlier or [])]
    given += [f"--origin={origin}"] if origin else []
    given += [f"--policy={policy}"] if policy else []
    given += [f"--keep={keep}"] if keep else []
    given += [f"--token-file={token_file}"] if token_file else []
    given += ["--tiles-only"] if tiles_only else []
    raise typer.Exit(verify.main(given))
