"""The command line: `integrator --help`. Each command imports what it needs when it runs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.markup import escape
from typer.exceptions import TyperException

import integrator
from integrator.commands import bus, inspection, journal, keys, retention, send, site, vault, witness
from integrator.commands.shared import err, out

app = typer.Typer(
    name="integrator",
    help="The Walloon integrator: governed, traceable, fast exchanges between public bodies.",
    epilog="Examples:  integrator run --sandbox --demo  ·  integrator check  ·  integrator journal list",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for one in (bus.app, site.app, send.app):
    app.add_typer(one)
app.add_typer(keys.key_app, name="key")
journal.app.add_typer(witness.app)
journal.app.add_typer(vault.app)
journal.app.add_typer(retention.app)
journal.app.add_typer(inspection.app)
app.add_typer(journal.app, name="journal")
app.add_typer(site.site_app, name="site")
app.add_typer(keys.keyring_app, name="keyring")


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """The Walloon integrator."""
    if version:
        out.print(integrator.__version__)
        raise typer.Exit


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
