"""Settings of a running bus: environment `INTEGRATOR_…`, else `integrator.yaml`, else the default.

Unknown settings are refused with the nearest known name: a misspelt limit must not be ignored.
Secrets are named by file, never written: addresses of database and broker are the exception, and
are therefore not shown in errors.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnreadableSetting

from integrator.security.limits import DEFAULT, Limits
from integrator.site.problems import did_you_mean
from integrator.site.read import read_yaml

PREFIX = "INTEGRATOR_"
FILE = "integrator.yaml"
OTHER_VARIABLES = frozenset(
    PREFIX + name for name in ("FAILPOINT", "KEY", "WORKER", "CONTROL_TOKEN", "RESTARTED")
)
"""Variables of the same prefix that are not settings: crash points of the fault tests, the key that
`integrator send` uses, and what a supervisor tells its workers."""


class SettingsError(Exception):
    """The settings cannot be used: each line names one, and what to write instead."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def _comma_list(value: Any) -> Any:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        raise ValueError("write an address or a network, like 10.0.0.0/8") from None


def _database(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("sqlite:", "postgresql:")):
        raise ValueError("write sqlite:///file or postgresql://…")
    return value


def _broker(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("memory:", "amqp:", "amqps:")):
        raise ValueError("write memory:// or amqp://…")
    return value


def _limits(value: dict[str, float]) -> dict[str, float]:
    known = {item.name for item in fields(Limits)}
    for name, amount in value.items():
        if name not in known:
            raise ValueError(
                f"unknown limit '{name}'; {did_you_mean(name, known, 'docs/reference/settings.md')}"
            )
        if amount <= 0:
            raise ValueError(f"the limit '{name}' must be more than 0")
    return value


class Settings(BaseSettings):
    """Everything about a bus process that is not part of its site."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        alias_generator=lambda name: name.replace("_", "-"),
        validate_by_name=True,
        validate_by_alias=True,
    )

    site: Path = Field(
        default=Path(), description="Directory of the site.", examples=["/etc/integrator/site"]
    )
    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on; anything but loopback wants a TLS proxy in front.",
        examples=["0.0.0.0"],  # noqa: S104 - an example in the reference page
    )
    port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        default=8080, description="Port to listen on; 0 takes a free one.", examples=[8080]
    )
    var: Path = Field(
        default=Path("var"),
        description="Directory for what the bus keeps: SQLite database, lock, anchor, keys of the embedded mode.",
        examples=["/var/lib/integrator"],
    )
    database: Annotated[SecretStr, AfterValidator(_database)] | None = Field(
        default=None,
        description="Address of the database; none: SQLite in `var`, for one process.",
        examples=["postgresql://integrator@db.example/integrator"],
    )
    broker: Annotated[SecretStr, AfterValidator(_broker)] = Field(
        default=SecretStr("memory://"),
        description="Address of the broker; memory:// moves messages inside the process.",
        examples=["amqps://integrator@mq.example/integrator"],
    )
    workers: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1,
        description="Processes that serve requests; more than one needs PostgreSQL and RabbitMQ.",
        examples=[2],
    )
    key_file: Path | None = Field(
        default=None,
        description="JSON file with the bus's own keys; none: the embedded mode makes one in `var`.",
        examples=["/run/secrets/integrator-keys.json"],
    )
    anchor: Path | None = Field(
        default=None,
        description="File that keeps the journal's last size, best on another volume; none: in `var`.",
        examples=["/srv/anchor/journal.anchor"],
    )
    origin: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\s+]+$")] = Field(
        default="integrator.localhost/journal",
        description="Name of the journal, unique in the world; it cannot change later.",
        examples=["integrator.wallonie.example/journal"],
    )
    trusted_proxies: Annotated[list[Annotated[str, AfterValidator(_network)]], NoDecode,
                               BeforeValidator(_comma_list)] = Field(
        default=[],
        description="Addresses or networks whose Client-Cert header is believed; in the environment "
        "separated by commas.",
        examples=[["10.0.0.0/8"]],
    )  # fmt: skip
    sandbox: bool = Field(
        default=False,
        description="Replace every adapter that has a simulator; loopback only.",
        examples=[True],
    )
    demo: bool = Field(
        default=False,
        description="Send a few exchanges at start and print what happened; with the sandbox, embedded mode only.",
        examples=[True],
    )
    control_plane: bool = Field(
        default=True,
        description="Serve API and portal beside the data plane.",
        examples=[False],
    )
    witness_policy: Path | None = Field(
        default=None,
        description="File that says which witnesses cosign the journal's checkpoints, and how many of them must "
        "(C2SP tlog-policy); none: nobody is asked.",
        examples=["/etc/integrator/witnesses.policy"],
    )
    witness_max_age: Annotated[float, Field(ge=0)] = Field(
        default=0.0,
        description="Seconds after which the bus accepts nothing more where the witnesses' quorum has been "
        "silent; 0: it goes on.",
        examples=[14_400],
    )
    log_tiles: Literal["public", "auditors"] = Field(
        default="public",
        description="Who may read the hash tiles of the journal's log: everybody, or only this machine and "
        "holders of the control token, as for its entries. The checkpoint is always public.",
        examples=["auditors"],
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="What the technical log says.", examples=["info"]
    )
    trace: bool = Field(
        default=False,
        description="Log every step of every route with file and line, never with content: for development.",
        examples=[False],
    )
    limits: Annotated[dict[str, float], AfterValidator(_limits)] = Field(
        default={},
        description="Limits that differ from their default; in the environment as a JSON object.",
        examples=[{"exchange_seconds": 20, "exchanges_in_flight": 500}],
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Explicit values, then the environment; `load_settings` hands in what the file says."""
        return init_settings, env_settings

    @property
    def database_url(self) -> str:
        """The address of the database, with the default filled in. May hold a password."""
        if self.database is not None:
            return self.database.get_secret_value()
        return "sqlite:///integrator.db"  # relative to `var`

    @property
    def broker_url(self) -> str:
        """The address of the broker. May hold a password."""
        return self.broker.get_secret_value()

    @property
    def anchor_path(self) -> Path:
        """Where the journal's anchor stands."""
        return self.anchor or self.var / "journal.anchor"

    @property
    def embedded(self) -> bool:
        """Whether everything the bus keeps is in `var`: SQLite and the in-memory broker."""
        return self.database_url.startswith("sqlite:") and self.broker_url.startswith("memory:")

    def effective_limits(self) -> Limits:
        """The limits with the settings' own over the defaults."""
        whole = {item.name for item in fields(Limits) if isinstance(getattr(DEFAULT, item.name), int)}
        values = {name: int(value) if name in whole else float(value) for name, value in self.limits.items()}
        return replace(DEFAULT, **values)  # type: ignore[arg-type]


def load_settings(given: Mapping[str, Any] | None = None, *, file: Path | None = None) -> Settings:
    """The settings from arguments, environment and file, the first that speaks wins.

    `file` None means `integrator.yaml` in the working directory, if it exists. `given` values that
    are None count as not given. Raises SettingsError with every problem.
    """
    known = {name.replace("_", "-") for name in Settings.model_fields}
    values, problems = _file_values(file, known)
    problems += _unknown_variables(os.environ)
    values = {
        name: value for name, value in values.items() if name in known and _variable(name) not in os.environ
    }
    values |= {name.replace("_", "-"): value for name, value in (given or {}).items() if value is not None}
    try:
        settings = Settings(**values)
    except ValidationError as error:
        problems += [_message(item) for item in error.errors(include_url=False, include_input=False)]
        raise SettingsError(problems) from None
    except UnreadableSetting:
        problems.append('limits: write a JSON object like {"exchange_seconds": 20}')
        raise SettingsError(problems) from None
    if problems:
        raise SettingsError(problems)
    return settings


def _variable(name: str) -> str:
    return PREFIX + name.replace("-", "_").upper()


def _unknown_variables(environment: Mapping[str, str]) -> list[str]:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    unknown = [
        name for name in environment if name.startswith(PREFIX) and name not in known | OTHER_VARIABLES
    ]
    return [
        f"unknown setting {name} in the environment: {did_you_mean(name, known, 'unset it')}"
        for name in sorted(unknown)
    ]


def _file_values(file: Path | None, known: set[str]) -> tuple[dict[str, Any], list[str]]:
    path = file or Path(FILE)
    if not path.exists():
        return {}, ([f"{path}: there is no such settings file: correct its name"] if file else [])
    document = read_yaml(path, str(path))
    problems = [f"{p.file}:{p.line}:{p.column}: {p.message}: {p.remedy}" for p in document.problems]
    if document.data is None:
        return {}, problems
    if not isinstance(document.data, dict):
        return {}, [*problems, f"{path}: the settings are not a mapping: write 'name: value' lines"]
    for name in document.data.keys() - known:
        place = document.place((name,), key=True)
        remedy = did_you_mean(name, known, "remove it")
        problems.append(f"{path}:{place.line}:{place.column}: unknown setting '{name}': {remedy}")
    return dict(document.data), problems


def _message(error: Mapping[str, Any]) -> str:
    name = ".".join(str(step) for step in error["loc"]).replace("_", "-")
    return f"{name}: {str(error['msg']).removeprefix('Value error, ')}"
