"""`integrator key …` and `integrator keyring …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from integrator.commands.shared import (
    VAR,
    VarOption,
    WhoOption,
    control_call,
    err,
    fail,
    out,
    print_table,
    refuse_nothing_there,
)

key_app = typer.Typer(
    help="API keys of parties.", epilog="Example:  integrator key list", no_args_is_help=True
)
keyring_app = typer.Typer(
    help="The bus's own secret keys.",
    epilog="Example:  integrator keyring create /run/secrets/integrator-keys.json",
    no_args_is_help=True,
)


@key_app.command(
    "add",
    epilog="Examples:  integrator key add municipal/namur --label 'urbanism' --days 365  ·  "
    "integrator key add regional/spw-digital --role auditor --label 'internal audit'",
)
def key_add(
    party: Annotated[str, typer.Argument(help="The party, as parties/*.yaml names it.")],
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
    days: Annotated[int, typer.Option(help="How long it is valid.", min=1, max=3650)] = 365,
    role: Annotated[
        str | None,
        typer.Option(
            help="Read the journal instead of exchanging data: auditor, dpo (of the party) or source-owner."
        ),
    ] = None,
    var: VarOption = VAR,
) -> None:
    """Make an API key of a party and print it, once."""
    if role not in (None, "auditor", "dpo", "source-owner"):
        fail(f"--role {role}: write auditor, dpo or source-owner", 2)
    wanted = {"party": party, "label": label, "days": days, "role": role}
    made = control_call(var, "POST", "/api/keys", wanted)
    out.print(f"{made['key']}", style="bold")
    err.print(f"key {made['id']} of {made['party']}, valid until {made['expires']}. It is not shown again.")


@key_app.command("list", epilog="Examples:  integrator key list  ·  integrator key list --all")
def key_list(
    all_: Annotated[bool, typer.Option("--all", help="Revoked keys too.")] = False, var: VarOption = VAR
) -> None:
    """List the keys, without their secrets; JSON lines where standard output is not a terminal."""
    rows = [row for row in control_call(var, "GET", "/api/keys") if all_ or not row["revoked"]]
    print_table(rows, ("id", "party", "role", "label", "expires", *(("revoked",) if all_ else ())))


@key_app.command("revoke", epilog="Example:  integrator key revoke 1f2e3d4c5b6a7988")
def key_revoke(key_id: Annotated[str, typer.Argument(help="The key's id.")], var: VarOption = VAR) -> None:
    """End a key now."""
    control_call(var, "DELETE", f"/api/keys/{key_id}")
    out.print(f"key {key_id} is revoked")


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


@keyring_app.command("rotate", epilog="Example:  integrator keyring rotate details --var var")
def keyring_rotate(
    purpose: Annotated[str, typer.Argument(help="details, index, bodies, credentials or log.")],
    var: VarOption = VAR,
) -> None:
    """Add a new key to this bus's key file, for all that is written from the next start on."""
    from integrator.security.keyring import Keyring, KeyringError

    try:
        made = Keyring.add(_key_file(var), purpose)
    except KeyringError as error:
        fail(str(error))
    out.print(f"{made} is the key for {purpose} from the next start on")
    after = {
        "details": "then move the old details under it: `integrator journal rekey`",
        "index": "then make the old tags anew: `integrator journal rekey`",
        "log": "then give auditors and witnesses what `integrator journal key` prints, and keep the old key: "
        "old checkpoints are verified with it",
    }.get(purpose, "the old one stays until nothing needs it: `integrator keyring retire` says")
    err.print(f"back the key file up, `integrator keyring enrol`, restart the bus; {after}")


@keyring_app.command(
    "retire", epilog="Example:  integrator keyring retire details-1 --why 'replaced 2026-11'"
)
def keyring_retire(
    key_id: Annotated[str, typer.Argument(help="The key's id.")],
    why: Annotated[str, typer.Option("--why", help="Why; recorded.")],
    who: WhoOption = "operator",
    var: VarOption = VAR,
) -> None:
    """Take a key that nothing needs any more out of database and key file; refused while it is needed."""
    from integrator.security.keyring import Keyring, KeyringError

    control_call(var, "POST", "/api/keyring/retire", {"key_id": key_id, "who": who, "why": why})
    try:
        Keyring.remove(_key_file(var), key_id)
    except KeyringError as error:
        fail(f"the database has forgotten {key_id}, but: {error}")
    out.print(f"{key_id} is retired: destroy its copies too; a running bus forgets it at its next start")


def _key_file(var: Path) -> Path:
    from integrator.foundations import Options
    from integrator.site.settings import SettingsError, load_settings

    try:
        return Options.of(load_settings({"var": var})).key_file
    except SettingsError as error:
        fail(str(error))


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
