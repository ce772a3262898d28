"""Structured logs: JSON lines on standard error, never with personal data (design, I5).

Call sites pass names, ids, paths, rules and sizes; values of messages stay out. As a last net every
event passes a redaction that masks national numbers and API keys wherever they appear.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

# structlog's console output would import rich, which no bus process shows anything with: it costs
# 8 MB and 40 ms in every worker.
_hidden = sys.modules.setdefault("rich", None)  # type: ignore[arg-type]
import structlog  # noqa: E402

if _hidden is None:
    del sys.modules["rich"]

# A national number: 11 digits, printed bare or as 85.07.30-033.28. Longer runs of digits
# (timestamps, sizes) and hexadecimal ids are left alone by the look-arounds.
_NATIONAL_NUMBER = re.compile(r"(?<![\w.-])\d{2}\.?\d{2}\.?\d{2}-?\d{3}[.-]?\d{2}(?![\w-])")
_API_KEY = re.compile(r"itg_[A-Za-z0-9]+_[A-Za-z0-9_-]+")


def redact(text: str) -> str:
    """The text with national numbers and API keys masked."""
    return _API_KEY.sub("itg_[masked]", _NATIONAL_NUMBER.sub("[masked]", text))


def _redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = redact(value)
    return event


def _failure(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    # The class and the places in our code, not str(error): other libraries quote values in it.
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        event["error"] = type(error).__qualname__
        frames = traceback.extract_tb(error.__traceback__)[-6:]
        event["trace"] = [
            f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames
        ]
    return event


class _StandardError:
    """One write a line, to whatever standard error is at that moment.

    A full disk or a reader that is gone costs the line, never the exchange it tells of.
    """

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(line + "\n")

    debug = info = warning = error = critical = msg


def configure(level: str = "info") -> None:
    """Set up the process's logging once. `level` is debug, info, warning or error."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _failure,
            _redact_event,
            structlog.processors.JSONRenderer(sort_keys=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: _StandardError(),
        cache_logger_on_first_use=True,
    )
    # Libraries log through the standard module; only their warnings reach us, by name and level.
    logging.root.handlers[:] = [_LibraryHandler()]
    logging.root.setLevel(max(number, logging.WARNING))


class _LibraryHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        event: dict[str, Any] = {"event": "library", "logger": record.name, "level": record.levelname.lower()}
        event["message"] = redact(str(record.msg))  # the template; its arguments may be values
        if record.exc_info:
            event = dict(_failure(None, "", {**event, "exc_info": record.exc_info[1]}))
        _StandardError().msg(str(structlog.processors.JSONRenderer()(None, "", event)))


def get(name: str) -> Any:
    """The logger of a room: `log.get("gateway").info("exchange-ended", exchange=..., outcome=...)`."""
    return structlog.get_logger(room=name)
