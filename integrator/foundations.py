"""What every command that touches the bus's data stands on: options, keys, store, journal."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uuid_utils

from integrator.exchange import now_us
from integrator.journal import epochs, keycheck
from integrator.journal.anchor import AnchorRefused
from integrator.journal.writer import Journal
from integrator.security.keyring import Keyring, KeyringError
from integrator.security.limits import DEFAULT, Limits
from integrator.store.api import Store, StoreRefused
from integrator.store.location import locate
from integrator.store.open import open_store
from integrator.store.schema import SCHEMA_VERSION
from integrator.store.units import StoreUnavailable

if TYPE_CHECKING:
    from integrator.site.settings import Settings

DEAD_SECONDS = 15.0


class StartRefusedError(Exception):
    """The bus may not start as things are; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a bus process is told. `worker` is 0 for the only process, else which of several.

    `overrides` are the simulators' addresses by adapter id, where the sandbox stands in, and
    `companions` the process ids of what runs beside the bus. A supervisor gives its workers one
    `control_token`, and says which were `restarted` after a death.
    """

    site: Path = Path()
    var: Path = Path("var")
    host: str = "127.0.0.1"
    port: int = 8080
    database: str = "sqlite:///integrator.db"
    broker: str = "memory://"
    key_file: Path = Path("var/keys.json")
    anchor: Path = Path("var/journal.anchor")
    origin: str = "integrator.localhost/journal"
    workers: int = 1
    worker: int = 0
    trusted_proxies: tuple[str, ...] = ()
    sandbox: bool = False
    demo: bool = False
    control_plane: bool = True
    log_tiles: str = "public"
    witness_policy: Path | None = None
    witness_max_age: float = 0.0
    log_level: str = "info"
    trace: bool = False
    limits: Limits = DEFAULT
    overrides: Mapping[str, str] = field(default_factory=dict)
    companions: dict[str, int] = field(default_factory=dict)
    control_token: str = ""
    restarted: bool = False

    @classmethod
    def of(cls, settings: Settings, **more: Any) -> Options:
        """The options that settings say."""
        return cls(
            site=settings.site,
            var=settings.var,
            host=settings.host,
            port=settings.port,
            database=settings.database_url,
            broker=settings.broker_url,
            key_file=settings.key_file or settings.var / "keys.json",
            anchor=settings.anchor_path,
            origin=settings.origin,
            workers=settings.workers,
            trusted_proxies=tuple(settings.trusted_proxies),
            sandbox=settings.sandbox,
            demo=settings.demo,
            control_plane=settings.control_plane,
            log_tiles=settings.log_tiles,
            witness_policy=settings.witness_policy,
            witness_max_age=settings.witness_max_age,
            log_level=settings.log_level,
            trace=settings.trace,
            limits=settings.effective_limits(),
            **more,
        )

    @property
    def single(self) -> bool:
        """Whether this is the only process there can be: the database is SQLite."""
        return self.database.startswith("sqlite")

    @property
    def embedded(self) -> bool:
        """Whether everything is in this one process: SQLite and the in-memory broker."""
        return self.single and self.broker.startswith("memory")

    @property
    def dead_before_us(self) -> int:
        """Processes that last beat before this are dead; where there can be one, all others are."""
        return now_us() if self.single else now_us() - int(DEAD_SECONDS * 1e6)


def check_options(options: Options) -> None:
    """Raises StartRefusedError for combinations that cannot be kept safe."""
    if options.workers > 1 and options.single:
        raise StartRefusedError(
            "SQLite means one bus process: for more workers give --database postgresql://… "
            "and --broker amqp://…"
        )
    if options.workers > 1 and options.broker.startswith("memory"):
        raise StartRefusedError("workers share their queues through RabbitMQ: give --broker amqp://…")
    if options.workers > 1 and options.sandbox:
        raise StartRefusedError("the sandbox is for one process: leave --workers or --sandbox out")
    if options.demo and not (options.sandbox and options.embedded):
        raise StartRefusedError(
            "the demo has its keys from the sandbox on SQLite: give --sandbox alone with it"
        )
    if options.sandbox and options.host not in ("127.0.0.1", "::1", "localhost"):
        raise StartRefusedError("the sandbox has demo keys: it listens on loopback only, leave --host out")


@dataclass(frozen=True, slots=True)
class Foundations:
    """What every command that touches the bus's data stands on.

    The origin of these `options` is the log's present name: that of its last epoch.
    """

    options: Options
    keyring: Keyring
    store: Store
    journal: Journal
    process_id: bytes


@contextlib.asynccontextmanager
async def foundations(options: Options, *, enrol: bool = False) -> AsyncIterator[Foundations]:
    """Open keys, store and journal; close them at the end. Raises StartRefusedError.

    `enrol`: take keys of the key file that the database does not know yet.
    """
    options.var.mkdir(parents=True, exist_ok=True, mode=0o700)
    process_id = uuid_utils.uuid7().bytes
    try:
        keyring = _keyring(options)
        store = await _open_store(options, process_id)
    except (KeyringError, StoreRefused, StoreUnavailable) as error:
        raise StartRefusedError(str(error)) from error
    try:
        # A new database takes the keys it is first started with; a known one only those enrolled.
        new = not await store.key_checks()
        await keycheck.verify(store, keyring, embedded=options.embedded or new or enrol)
        present = replace(options, origin=await epochs.origin_now(store, options.origin))
        journal = Journal(keyring, present.origin, limits=options.limits)
        yield Foundations(present, keyring, store, journal, process_id)
    except (KeyringError, AnchorRefused) as error:
        raise StartRefusedError(str(error)) from error
    finally:
        await store.close()


def _keyring(options: Options) -> Keyring:
    if options.embedded and not options.key_file.exists():
        return Keyring.create(options.key_file)
    keyring = Keyring.load(options.key_file)
    if options.embedded and not keyring.has("log"):  # made before the log was signed
        Keyring.add(options.key_file, "log")
        keyring = Keyring.load(options.key_file)
    return keyring


def has_database(options: Options) -> bool:
    """Whether the SQLite database is there already."""
    place = locate(options.database, options.var).path
    return place is not None and place.exists()


async def _open_store(options: Options, process_id: bytes) -> Store:
    """The opened store, its schema brought up to date first where it is not known to be."""

    async def opened() -> Store:
        store = open_store(
            options.database, limits=options.limits, process_id=process_id, data_dir=options.var
        )
        await store.open()
        return store

    marker, place = options.var / "schema", locate(options.database, options.var).path
    known = marker.exists() and marker.read_text("utf-8") == _schema_marker(options)
    if known and (place is None or place.exists()):
        try:
            return await opened()
        except StoreRefused:
            if place is not None:
                raise
            # A new database at an old address: only opening it tells.
    await _migrate(options)
    marker.write_text(_schema_marker(options), "utf-8")
    return await opened()


async def _migrate(options: Options) -> None:
    """Bring the database to this code's schema, in a child: the bus never loads what that needs."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "integrator.store.migrate", "-", str(options.var),
        stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    # Not an argument: the URL may hold a password, and arguments are everybody's to read.
    try:
        _, complaint = await child.communicate(options.database.encode())
    except (OSError, RuntimeError):  # uvloop's word for a child that ended before it was spoken to
        await child.wait()
        complaint = b""
    if child.returncode:
        lines = complaint.decode("utf-8", "replace").strip().splitlines()
        raise StoreRefused(lines[-1] if lines else "the database cannot be migrated")


def _schema_marker(options: Options) -> str:
    database = hashlib.sha256(options.database.encode()).hexdigest()  # the URL may hold a password
    return f"{database} {SCHEMA_VERSION}\n"
