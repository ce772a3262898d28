"""What file: and sftp: share: the directory an endpoint names, the headers of a file, expressions about it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from integrator.engine.compiler import Expression, Node, source
from integrator.engine.egress import undeclared
from integrator.engine.exceptions import JavaException, thrown
from integrator.engine.javatypes import to_text
from integrator.engine.uris import Uri
from integrator.engine.ways import Entry, FolderWay
from integrator.exchange import Conversions, Exchange, IntegratorError, Message, Overloaded

FAILED = "org.apache.camel.component.file.GenericFileOperationFailedException"
LOCK = ".camelLock"
_SECRET = ("password", "username", "privateKey", "privateKeyFile", "privateKeyUri", "privateKeyPassphrase",
           "knownHosts", "knownHostsFile", "knownHostsUri")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """The directory of an endpoint: as routes name it, the way to it, and its path there."""

    shown: str
    way: FolderWay
    path: str

    def below(self, name: str) -> str:
        """The path of a name below the directory, in the way's folder."""
        return "/".join(part for part in (self.path, name) if part)

    def named(self, path: str) -> str:
        """The name below the directory of a path in the way's folder."""
        return path[len(self.path) + 1 :] if self.path else path


def place(node: Node, uri: Uri) -> Place | None:
    """Find the adapter of an endpoint; notes where there is none, or where the route has credentials."""
    for name in _SECRET:
        if uri.options.get(name):
            node.problem("/uri", "option-value", f"{name} of {uri.scheme}: belongs to the adapter, not to a route",
                         "Name it under `security` of the adapter.")  # fmt: skip
            return None
    name = uri.path
    if uri.scheme == "sftp":
        name = name.rpartition("@")[2] if "@" in name.partition("/")[0] else name
        host, slash, rest = name.partition("/")
        name = host + slash + rest.lstrip("/")
    if ".." in name.split("/"):
        node.problem(
            "/uri", "option-value", f"the directory of {uri.scheme}: climbs up", "Write it without `..`."
        )
        return None
    found = node.scope.services.ways.files("sftp" if uri.scheme == "sftp" else "files", name)
    if found is None:
        undeclared(node, f"the directory of {uri.scheme}:", "sftp" if uri.scheme == "sftp" else "files")
        return None
    shown = name.rstrip("/")
    if uri.scheme == "sftp":
        shown = shown.partition("/")[2]
    return Place(shown, found[0], found[1])


def headers(place: Place, entry: Entry) -> dict[str, Any]:
    """The headers of a file that was taken."""
    name = place.named(entry.path)
    path = f"{place.shown}/{name}" if place.shown else name
    return {
        "CamelFileName": name,
        "CamelFileNameOnly": name.rpartition("/")[2],
        "CamelFileNameConsumed": name,
        "CamelFileAbsolute": place.shown.startswith("/"),
        "CamelFileAbsolutePath": path,
        "CamelFilePath": path,
        "CamelFileRelativePath": name,
        "CamelFileParent": path.rpartition("/")[0],
        "CamelFileLength": entry.size,
        "CamelFileLastModified": entry.modified_ms,
        "CamelMessageTimestamp": entry.modified_ms,
    }


def about(place: Place, entry: Entry, conversions: Conversions) -> Exchange:
    """An exchange without a body, for expressions about a file."""
    return Exchange(
        Message(None, headers(place, entry), conversions=conversions), exchange_id="", pattern="InOnly"
    )


def expression(node: Node, uri: Uri, name: str) -> Expression | None:
    """An option that is simple's text; notes what is wrong with it."""
    text = uri.options.get(name)
    return None if not text else simple(node, text)


def simple(node: Node, text: str) -> Expression | None:
    """simple's text as an expression."""
    found = source("simple", _old_style(text), f"{node.pointer}/uri", node.scope)
    return None if found is None else found.expression()


def predicate(node: Node, uri: Uri, name: str) -> Callable[[Exchange], bool] | None:
    """An option that is simple's predicate."""
    text = uri.options.get(name)
    found = source("simple", _old_style(text), f"{node.pointer}/uri", node.scope) if text else None
    return None if found is None else found.predicate()


def _old_style(text: str) -> str:
    return text.replace("$simple{", "${")


def move_text(text: str) -> str:
    """A `move` option as simple's text: a directory alone takes the file's name."""
    if "${" in text or "$simple{" in text:
        return text
    text = text.rstrip("/")
    return ("" if text.startswith("/") else "${file:parent}/") + text + "/${file:onlyname}"


def moved_to(place: Place, target: Expression) -> Callable[[Exchange], str]:
    """Where a file goes: the path in the way's folder. Raises JavaException where that leaves the directory."""

    def find(exchange: Exchange) -> str:
        name = to_text(target(exchange)) or ""
        if place.shown and name.startswith(place.shown + "/"):
            name = name[len(place.shown) + 1 :]
        return place.below(inside(name))

    return find


def inside(name: str, directory: str = "") -> str:
    """A name below a directory, `.` and `..` resolved. Raises JavaException where it leaves the directory."""
    parts: list[str] = []
    for part in name.replace("\\", "/").split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part == ".." or "\0" in part:
            raise jailed(name, directory)
        elif part not in ("", "."):
            parts.append(part)
    if not parts:
        raise jailed(name, directory)
    return "/".join(parts)


def jailed(name: str, directory: str) -> IntegratorError:
    """The error for a name that leaves its directory."""
    shown = posixpath.normpath(f"{directory}/{name}")
    return thrown(
        "java.lang.IllegalArgumentException",
        f"Cannot write file with name: {shown} as the filename is jailed to the starting directory: {directory}/",
        "a file name leaves the directory of its endpoint",
    )


def operation_failed(message: str, text: str | None = None, cause: OSError | None = None) -> JavaException:
    """Camel's error for a file that could not be used; `text` is what routes see."""
    reason = f" ({cause.strerror or type(cause).__name__})" if cause is not None else ""
    error = JavaException(FAILED, message + reason, text=text)
    if isinstance(cause, FileNotFoundError):
        where = (text or "").rpartition(": ")[2]
        error.java_cause = JavaException(
            "java.nio.file.NoSuchFileException", "there is no such file", text=where
        )
    return error


def done_name(pattern: str, name: str) -> str:
    """The done file of a file: `pattern` with its name, in the same directory."""
    directory, slash, only = name.rpartition("/")
    stem = only.rpartition(".")[0] or only
    for form, value in (("file:name.noext", stem), ("file:onlyname.noext", stem), ("file:name", only),
                        ("file:onlyname", only)):  # fmt: skip
        pattern = pattern.replace("${" + form + "}", value).replace("$simple{" + form + "}", value)
    return directory + slash + pattern


def is_done(pattern: str, name: str) -> bool:
    """Whether a file may be a done file itself."""
    form = (
        re.escape(re.sub(r"\$(?:simple)?\{[^}]*\}", "\0", pattern)).replace("\0", ".*").replace(r"\x00", ".*")
    )
    return re.fullmatch(form, name.rpartition("/")[2]) is not None


def too_many(entries: Sequence[Entry], most: int) -> Sequence[Entry]:
    """The entries. Raises Overloaded where a directory has more than may be looked at."""
    if len(entries) > most:
        raise Overloaded(f"a directory has more than {most} files: move some away", reason="files-per-poll")
    return entries
