"""file: and sftp: files of a directory that an adapter declares, read and written."""

from __future__ import annotations

from integrator.engine.compiler import Node
from integrator.engine.file_consumer import Files, compile_reader
from integrator.engine.file_poller import compile_poller
from integrator.engine.file_producer import compile_writer
from integrator.engine.polling import Poll
from integrator.engine.schedule import OPTIONS as SCHEDULE
from integrator.engine.spec import Option, Spec
from integrator.engine.steps import Run
from integrator.engine.uris import Uri

CONSUMES = True
POLLS_COMPUTED = True
_JAVA = "Not in the embedded engine: needs a Java bean."
_NONE = "Accepted, without effect."
_LOCKS = (
    "none",
    "markerFile",
    "fileLock",
    "rename",
    "changed",
    "idempotent",
    "idempotent-changed",
    "idempotent-rename",
)
_DIGESTS = (
    "MD5",
    "SHA_1",
    "SHA_224",
    "SHA_256",
    "SHA_384",
    "SHA_512",
    "SHA3_224",
    "SHA3_256",
    "SHA3_384",
    "SHA3_512",
)


def _flag(name: str, doc: str, *, default: bool = False) -> Option:
    return Option(name, doc, type="boolean", default=default)


OPTIONS = (
    Option("fileName", "The file, in simple: written to, or the only one taken.", example="${date:now:yyyyMMdd}.json"),
    Option("charset", "Charset of the files' text.", example="ISO-8859-1"),
    Option("doneFileName", "A file is complete once this one is beside it: a name, with ${file:name} or"
           " ${file:name.noext} in it. Written after, deleted after taking.", example="${file:name}.done"),
    _flag("autoCreate", "Makes missing directories.", default=True),
    # taking
    _flag("noop", "Leaves taken files where they are, and takes each once."),
    _flag("delete", "Deletes taken files."),
    Option("move", "Where taken files go, a directory or simple's text; `.camel` beside them unless said otherwise.",
           example="done/${date:now:yyyyMMdd}/${file:name}"),
    Option("moveFailed", "Where files go whose message failed or was refused; else they stay.", example="failed"),
    Option("preMove", "Where files go before they are taken.", example="inprogress"),
    _flag("recursive", "Also takes from directories below."),
    Option("minDepth", "How far below at least.", type="integer"),
    Option("maxDepth", "How far below at most.", type="integer", default=2147483647),
    Option("include", "Regular expression the name matches.", example=".*\\.json"),
    Option("exclude", "Regular expression the name does not match."),
    Option("includeExt", "Extensions to take, with commas.", example="json,xml"),
    Option("excludeExt", "Extensions to leave."),
    Option("antInclude", "Ant patterns of the path, with commas.", example="in/**/*.json"),
    Option("antExclude", "Ant patterns of paths to leave."),
    _flag("antFilterCaseSensitive", "Whether their case counts.", default=True),
    Option("filterFile", "simple's predicate about the file.", example="${file:size} < 5000"),
    Option("filterDirectory", "simple's predicate about each directory on the way.", example="${file:onlyname} != 'old'"),
    _flag("includeHiddenFiles", "Also takes files whose name starts with a dot."),
    _flag("includeHiddenDirs", "Also looks into such directories."),
    _flag("idempotent", "Takes each file once; so does noop."),
    Option("idempotentKey", "What a file is known by, in simple; its path unless said otherwise.",
           example="${file:name}-${file:size}"),
    _flag("idempotentEager", "Whether a file counts while its message is under way.", default=True),
    Option("sortBy", "The order: `file:name`, `reverse:file:modified`, `ignoreCase:file:name`, with `;`.",
           example="reverse:file:modified"),
    _flag("shuffle", "Takes them in any order."),
    _flag("preSort", "Accepted: files are listed in the order of their names."),
    Option("maxMessagesPerPoll", "Most files of one look; 0 is no limit but the engine's.", type="integer"),
    _flag("eagerMaxMessagesPerPoll", "Whether that limit counts before sorting.", default=True),
    _flag("sendEmptyMessageWhenIdle", "Sends a message without a body where no file is there."),
    _flag("startingDirectoryMustExist", "Fails where the directory is missing."),
    _flag("startingDirectoryMustHaveAccess", "Accepted: a directory that cannot be read is logged."),
    _flag("directoryMustExist", "As startingDirectoryMustExist."),
    Option("readLock", "How a file is known to be complete.", default="none", choices=_LOCKS),
    Option("readLockCheckInterval", "Milliseconds between two looks at a file that may grow.", type="integer",
           default=1000),
    Option("readLockTimeout", "Milliseconds after which it is left for the next look.", type="integer", default=10000),
    Option("readLockMinAge", "Milliseconds since it was written.", type="integer", default=0),
    Option("readLockMinLength", "Bytes it has at least.", type="integer", default=1),
    *(Option(name, _NONE) for name in (
        "readLockMarkerFile", "readLockDeleteOrphanLockFiles", "readLockLoggingLevel", "readLockRemoveOnCommit",
        "readLockRemoveOnRollback", "readLockIdempotentReleaseAsync", "readLockIdempotentReleaseAsyncPoolSize",
        "readLockIdempotentReleaseDelay", "probeContentType", "extendedAttributes", "browseLimit",
        "bridgeErrorHandler", "exchangePattern", "synchronous")),
    *SCHEDULE,
    # writing
    Option("fileExist", "What is done about a file that is there.", default="Override",
           choices=("Override", "Append", "Fail", "Ignore", "Move", "TryRename")),
    Option("moveExisting", "Where the file goes that is there, with fileExist=Move.", example="old"),
    Option("appendChars", "Written after the text, with fileExist=Append.", example="\\n"),
    Option("tempPrefix", "Written under this prefix first, then renamed.", example=".tmp-"),
    Option("tempFileName", "Written under this name first, then renamed.", example="${file:onlyname}.part"),
    _flag("eagerDeleteTargetFile", "Deletes the file that is there before, not after writing.", default=True),
    _flag("allowNullBody", "Writes an empty file for no body."),
    _flag("flatten", "Leaves directories of the name out."),
    _flag("jailStartingDirectory", "Accepted: no name ever leaves the directory.", default=True),
    _flag("keepLastModified", "Gives the file the time of CamelFileLastModified."),
    _flag("forceWrites", "Writes to the disk before the step ends.", default=True),
    Option("checksumFileAlgorithm", "Also writes the file's digest, to its name and this.", choices=_DIGESTS),
    _flag("checksumWriteFile", "Whether it is written; else it is the header CamelFileChecksum alone.", default=True),
    *(Option(name, _NONE) for name in (
        "autoCreateStepwise", "bufferSize", "copyAndDeleteOnRenameFail", "renameUsingCopy", "lazyStartProducer")),
    *(Option(name, "Not in the embedded engine: the bus decides.") for name in ("chmod", "chmodDirectory",
                                                                               "localWorkDirectory")),
    *(Option(name, _JAVA) for name in (
        "filter", "sorter", "idempotentRepository", "inProgressRepository", "processStrategy", "pollStrategy",
        "exceptionHandler", "onCompletionExceptionHandler", "exclusiveReadLockStrategy", "moveExistingFileStrategy",
        "readLockIdempotentReleaseExecutorService")),
)  # fmt: skip
_REMOTE = (
    *(Option(name, "Belongs to the adapter, not to a route.") for name in (
        "username", "password", "privateKey", "privateKeyFile", "privateKeyUri", "privateKeyPassphrase", "knownHosts",
        "knownHostsFile", "knownHostsUri")),
    *(Option(name, _NONE) for name in (
        "binary", "disconnect", "jschLoggingLevel", "passiveMode", "separator", "fastExistsCheck", "streamDownload",
        "download", "ignoreFileNotFoundOrPermissionError", "throwExceptionOnConnectFailed", "useList",
        "disconnectOnBatchComplete", "sendNoop", "bulkRequests", "compression", "connectTimeout",
        "existDirCheckUsingLs", "filenameEncoding", "maximumReconnectAttempts", "reconnectDelay",
        "serverAliveCountMax", "serverAliveInterval", "serverMessageLoggingLevel", "soTimeout", "stepwise", "timeout",
        "preferredAuthentications", "useUserKnownHostsFile")),
    Option("strictHostKeyChecking", "Always yes: a server whose key the adapter does not name is not connected to.",
           default="yes", choices=("yes",)),
    *(Option(name, "Not in the embedded engine.") for name in (
        "bindAddress", "ciphers", "keyExchangeProtocols", "keyPair", "publicKeyAcceptedAlgorithms", "serverHostKeys",
        "autoCreateKnownHostsFile", "proxy")),
)  # fmt: skip
SPECS = (
    Spec(
        "component",
        "file",
        "Reads and writes files of a directory that an adapter with `protocol: files` declares.",
        "1.0",
        "file:permits-in?include=.*\\.json&moveFailed=failed",
        OPTIONS,
    ),
    Spec(
        "component",
        "sftp",
        "Reads and writes files of an SFTP server that an adapter with `protocol: sftp` declares (extra `sftp`).",
        "1.1",
        "sftp:drop/in?delete=true",
        (*OPTIONS, *_REMOTE),
    ),
)


def consumer(node: Node, uri: Uri) -> Files | None:
    """The consumer of a route; notes what is wrong with its options."""
    return compile_reader(node, uri)


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """Writing a file."""
    return compile_writer(node, uri)


def poll(node: Node, uri: Uri) -> Poll | None:
    """Taking one file."""
    return compile_poller(node, uri)
