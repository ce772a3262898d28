"""`integrator journal vault …`: what was asked and answered, for flows that keep it."""

from __future__ import annotations

from typing import Annotated

import typer

from integrator.commands.shared import VAR, VarOption, WhoOption, control_call, out, print_json

app = typer.Typer()
vault_app = typer.Typer(
    help="The payload vault; every look into it is recorded.",
    epilog="Example:  integrator journal vault show 0193… --why 'complaint 2026/17'",
    no_args_is_help=True,
)
app.add_typer(vault_app, name="vault")

ExchangeArgument = Annotated[str, typer.Argument(help="The exchange id.")]
ReasonOption = Annotated[str, typer.Option("--why", help="Why; recorded.")]


@vault_app.command("show", epilog="Example:  integrator journal vault show 0193… --why 'complaint 2026/17'")
def vault_show(
    exchange: ExchangeArgument, why: ReasonOption, who: WhoOption = "operator", var: VarOption = VAR
) -> None:
    """Show what was asked and answered in an exchange of a flow that keeps it."""
    print_json(
        control_call(var, "POST", "/api/journal/vault/open", {"exchange": exchange, "who": who, "why": why})
    )


@vault_app.command(
    "erase", epilog="Example:  integrator journal vault erase 0193… --why 'order of the court'"
)
def vault_erase(
    exchange: ExchangeArgument, why: ReasonOption, who: WhoOption = "operator", var: VarOption = VAR
) -> None:
    """Destroy the keys of what the vault keeps of one exchange, for ever."""
    wanted = {"exchange": exchange, "who": who, "why": why}
    done = control_call(var, "POST", "/api/journal/vault/erase", wanted)
    out.print(f"{done['payloads']} payloads can no longer be read by anybody")
