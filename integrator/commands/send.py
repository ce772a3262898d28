"""`integrator send`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from integrator.commands.shared import VAR, VarOption, control_call, err, fail, print_json, running_bus

app = typer.Typer()


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
