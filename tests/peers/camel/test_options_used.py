"""Every option of the profile stands in a case that a real Camel runs beside the engine, or here with its reason."""

from __future__ import annotations

from pathlib import Path

from integrator.engine import registry
from tests.engine import vectors
from tests.peers.camel import usage
from tests.peers.camel.cases import own_cases

_SERVED = "what is served is compared with the service itself, in tests/engine and tests/bus"
_KEYS = "needs keys: test_xml_signatures.py has both engines read each other's signatures"
WHOLE_PARTS = {
    "adapter": "is the bus's own: Camel has none",
    "flow": "is the bus's own: Camel has none",
    "https": "is http through TLS",
    "sftp": _SERVED,
    "spring-rabbitmq": "needs a broker: test_messages_of_a_broker.py compares what both give it and take from it",
    "xmlsecurity-sign": _KEYS,
    "xmlsecurity-verify": _KEYS,
}
"""Parts whose options no case uses, with the reason."""
_WHEN = "says when or how a consumer polls, not what it makes of a message"
OPTIONS = {
    "beans": (_KEYS, "constructors"),
    "file": (_WHEN, (
        "antFilterCaseSensitive backoffErrorThreshold backoffIdleThreshold backoffMultiplier checksumWriteFile "
        "directoryMustExist forceWrites greedy idempotent idempotentEager idempotentKey includeHiddenDirs "
        "keepLastModified readLockMinAge readLockMinLength scheduler shuffle startScheduler "
        "startingDirectoryMustExist timeUnit useFixedDelay")),
    "sql": (_WHEN, (
        "allowNamedParameters alwaysPopulateStatement backoffErrorThreshold backoffIdleThreshold backoffMultiplier "
        "breakBatchOnConsumeFail expectedUpdateCount greedy onConsumeBatchComplete onConsumeFailed parametersCount "
        "scheduler sendEmptyMessageWhenIdle startScheduler timeUnit useFixedDelay usePlaceholder")),
    "timer": (_WHEN, "pattern time"),
    "quartz": (_WHEN, "trigger.repeatCount trigger.repeatInterval trigger.timeZone"),
    "jacksonXml": ("is refused: it needs Java classes", "useList"),
    "onException": ("is refused: it needs a Java bean", "onExceptionOccurredRef onRedeliveryRef"),
    "ref": ("what a bean of the site gives, Camel cannot", "id resultType trim"),
    "templatedRoute": ("is refused: it needs Java beans", "beans"),
    "xslt-saxon": ("is that of xslt", "failOnNullBody"),
    "xslt": ("is the default", "failOnNullBody"),
}  # fmt: skip
"""Options that no case uses: part → reason, names."""


def _missing(shared: Path) -> set[tuple[str, str]]:
    used = usage.of([*vectors.cases(shared / "vectors" / "camel"), *own_cases()])
    formats = registry.DATA_FORMATS
    return {
        (part, option)
        for part, option in usage.profile() - used
        if part not in WHOLE_PARTS and not (part in ("marshal", "unmarshal") and formats.not_yet(option))
    }


def test_every_option_is_used_or_listed(shared: Path) -> None:
    listed = {(part, name) for part, (_, names) in OPTIONS.items() for name in names.split()}
    assert not _missing(shared) - listed


def test_what_is_listed_is_in_the_profile() -> None:
    profile = usage.profile()
    listed = {(part, name) for part, (_, names) in OPTIONS.items() for name in names.split()}
    assert listed <= profile
    assert set(WHOLE_PARTS) <= {part.name for part in registry.specs()}
