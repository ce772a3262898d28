"""`integrator journal witness` and `witness-key`: watching the journals of others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from integrator.commands.shared import err, fail, out

app = typer.Typer()


@app.command("witness-key", epilog="Example:  integrator journal witness-key witness.example/w1 w1.key")
def witness_key(
    name: Annotated[str, typer.Argument(help="The witness's name, like an address without https://.")],
    file: Annotated[Path, typer.Argument(help="Where its secret key is written; must not exist.")],
) -> None:
    """Make the key of a new witness; prints the line that those who trust it put into their policy."""
    import os
    import secrets

    from integrator.journal.cosignature import Cosigner
    from integrator.journal.note import NoteError, Signer

    try:
        signer = Signer(name, secrets.token_bytes(32))
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except NoteError as error:
        fail(str(error))
    except FileExistsError:
        fail(f"{file} exists: a witness keeps its key for ever; choose another file")
    except OSError as error:
        fail(f"{file} cannot be written ({error.strerror})")
    with os.fdopen(descriptor, "w", encoding="ascii") as target:
        target.write(signer.secret_text() + "\n")
    err.print(f"{file} holds the secret key: back it up together with the witness's state, never one alone")
    out.print(f"witness {name} {Cosigner(signer).key}")


@app.command(
    "witness",
    epilog="Example:  integrator journal witness --log KEY --key w1.key --state w1.db --port 7070",
)
def witness(
    log: Annotated[
        list[str], typer.Option("--log", help="Verifier key of a log it watches (`integrator journal key`).")
    ],
    key: Annotated[Path, typer.Option("--key", help="Its secret key, made by `witness-key`.")],
    state: Annotated[Path, typer.Option("--state", help="The database of what it has seen.")],
    host: Annotated[
        str, typer.Option(help="Address to listen on; anything else wants TLS in front.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on.")] = 7070,
) -> None:
    """Watch logs and cosign their checkpoints, never two that contradict each other (C2SP tlog-witness).

    Run it in another organisation than the log it watches, and never begin it anew without its state.
    """
    import sqlite3

    import uvicorn

    from integrator.journal.cosignature import Cosigner
    from integrator.journal.note import NoteError, Signer, Verifier
    from integrator.journal.witness_server import Witness, WitnessServer

    logs: dict[str, list[Verifier]] = {}
    try:
        for text in log:
            verifier = Verifier.parse(text)
            logs.setdefault(verifier.name, []).append(verifier)
        cosigner = Cosigner(Signer.parse(key.read_text("ascii").strip()))
        made = Witness(state, cosigner, logs)
    except NoteError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename} cannot be read ({error.strerror})")
    except sqlite3.Error as error:
        fail(f"{state} cannot be used ({error})")
    err.print(f"witness {cosigner.key.name} watches {', '.join(logs)} on http://{host}:{port}")
    uvicorn.run(WitnessServer(made), host=host, port=port, log_level="warning", access_log=False)
    made.close()
