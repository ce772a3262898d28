"""sql: statements on a database that an adapter declares; values are bound, never written into the statement."""

from __future__ import annotations

from integrator.engine import resources
from integrator.engine.compiler import Node
from integrator.engine.egress import undeclared
from integrator.engine.exceptions import JavaException, failure
from integrator.engine.javatypes import JavaList, to_text
from integrator.engine.schedule import OPTIONS as SCHEDULE
from integrator.engine.spec import Option, Spec
from integrator.engine.sql_consumer import Query, compile_query
from integrator.engine.statements import Statement, Streamed, batch_values, one, parse, rows, without_comments
from integrator.engine.steps import Run, nothing
from integrator.engine.uris import Uri
from integrator.engine.ways import DatabaseWay
from integrator.exchange import Exchange

CONSUMES = True
_JAVA = "Not in the embedded engine: needs a Java bean."
_NONE = "Accepted, without effect."
SPEC = Spec(
    "component",
    "sql",
    "Runs a statement on a data source that an adapter with `protocol: sql` declares, or polls a query.",
    "1.4",
    "sql:select name from persons where niss = :#niss?dataSource=#permits-db&outputType=SelectOne",
    options=(
        Option("dataSource", "The data source: what the adapter is reached as, `#` or `#bean:` before it.",
               example="#permits-db"),
        Option("allowNamedParameters", "Whether `:#name` is a value of body, headers or variables.", type="boolean",
               default=True),
        Option("outputType", "What a query gives: rows, the only row (its only value), or rows one by one.",
               default="SelectList", choices=("SelectOne", "SelectList", "StreamList")),
        Option("outputHeader", "Header that takes the result; the body stays."),
        Option("separator", "Between values in a text body.", default=","),
        Option("batch", "Runs the statement for each element of the body, all or none.", type="boolean",
               default=False),
        Option("noop", "The body stays.", type="boolean", default=False),
        Option("useMessageBodyForSql", "The body is the statement, the header CamelSqlParameters its values.",
               type="boolean", default=False),
        Option("alwaysPopulateStatement", "Binds values also where the statement has no mark.", type="boolean",
               default=False),
        Option("parametersCount", "How many marks the statement has.", type="integer"),
        Option("placeholder", "The mark instead of `?`.", default="#"),
        Option("usePlaceholder", "Whether that mark counts.", type="boolean", default=True),
        Option("onConsume", "Statement after a message that went well, `:#column` of its row."),
        Option("onConsumeFailed", "Statement after a message that failed or was refused."),
        Option("onConsumeBatchComplete", "Statement after each look that gave messages."),
        Option("expectedUpdateCount", "How many rows onConsume must change; -1 does not matter.", type="integer",
               default=-1),
        Option("breakBatchOnConsumeFail", "Ends the look where onConsume fails.", type="boolean", default=False),
        Option("useIterator", "A message for each row, instead of one with all.", type="boolean", default=True),
        Option("routeEmptyResultSet", "Sends a message also where no row came.", type="boolean", default=False),
        Option("sendEmptyMessageWhenIdle", "Sends a message without a body where no row came.", type="boolean",
               default=False),
        Option("maxMessagesPerPoll", "Most messages of one look.", type="integer"),
        *SCHEDULE,
        *(Option(name, _NONE) for name in ("fetchSize", "batchAutoCommitDisabled", "bridgeErrorHandler",
                                           "exchangePattern", "lazyStartProducer")),
        Option("transacted", "Not in the embedded engine: a message is safe before onConsume runs.", default="false",
               choices=("false",)),
        Option("outputClass", "Not in the embedded engine: needs a Java class."),
        *(Option(name, _JAVA) for name in ("exceptionHandler", "pollStrategy", "processingStrategy",
                                           "prepareStatementStrategy", "rowMapperFactory", "templateOptions")),
    ),
)  # fmt: skip


def statement(node: Node, uri: Uri, text: str | None = None) -> Statement | None:
    """The statement of an endpoint, or of one of its options; notes what is wrong with it."""
    if text is None:
        text = uri.path
        if text.startswith(("classpath:", "file:")):
            data = None if node.scope.checking else resources.read(node, resources.path_of(uri))
            text = "select 1" if node.scope.checking else (data or b"").decode("utf-8", "replace")
        text = without_comments(text)
    count = uri.options.get("parametersCount", "0")
    if not count.isdigit():
        node.problem(
            "/uri", "option-value", "parametersCount of sql: is no number", "Write 2, or leave it out."
        )
        return None
    mark = uri.options.get("placeholder", "#") if uri.options.get("usePlaceholder") != "false" else ""
    return parse(
        node, text, mark=mark, named=uri.options.get("allowNamedParameters") != "false",
        separator=uri.options.get("separator", ","), count=int(count),
        always=uri.options.get("alwaysPopulateStatement") == "true",
    )  # fmt: skip


def data_source(node: Node, uri: Uri) -> DatabaseWay | None:
    """The adapter of an endpoint's data source; notes where there is none."""
    name = uri.options.get("dataSource", "dataSource").removeprefix("#bean:").removeprefix("#")
    found = node.scope.services.ways.database(name)
    if found is None:
        undeclared(node, f"the data source {name}", "sql")
    return found


def compile(node: Node, uri: Uri) -> Run:  # noqa: A001 - every part has this function
    """Running the statement."""
    written, way = statement(node, uri), data_source(node, uri)
    if written is None or way is None:
        return nothing
    options, kind = uri.options, uri.options.get("outputType", "SelectList")
    from_body, batch = options.get("useMessageBodyForSql") == "true", options.get("batch") == "true"
    header, keeps = options.get("outputHeader"), options.get("noop") == "true"

    async def run(exchange: Exchange) -> None:
        headers = exchange.message.headers
        body = exchange.message.body
        said = written
        other = to_text(body) if from_body else to_text(headers.get("CamelSqlQuery"))
        if from_body:
            body = headers.get("CamelSqlParameters")
        if other is not None:
            said = _other(node, uri, other)
        if batch:
            many = [said.bind(exchange, one_body, batch=True) for one_body in batch_values(body)]
            async with way.use(exchange.context, "write", ""):
                count = await way.database.run_many(many[0][0], [values for _, values in many]) if many else 0
            headers["CamelSqlUpdateCount"] = count
            return
        text, values = said.bind(exchange, body)
        keys = to_text(headers.get("CamelSqlRetrieveGeneratedKeys")) == "true"
        async with way.use(exchange.context, "read" if said.reads else "write", ""):
            found = await way.database.run(text, values, reading=said.reads, keys=keys and not said.reads)
        if keys:
            made = JavaList(found.keys)
            headers["CamelSqlGeneratedKeyRows"], headers["CamelSqlGeneratedKeysRowCount"] = made, len(made)
        if found.columns is None:
            headers["CamelSqlUpdateCount"] = found.changed
            return
        listed = rows(found)
        result: object = (
            Streamed(listed) if kind == "StreamList" else one(listed) if kind == "SelectOne" else listed
        )
        if kind != "StreamList":
            headers["CamelSqlRowCount"] = len(listed) if kind == "SelectList" else int(result is not None)
        if header:
            headers[header] = result
        elif not keeps:
            exchange.message.body = result

    return run


def _other(node: Node, uri: Uri, text: str) -> Statement:
    """A statement that the message brings."""
    before = len(node.scope.problems)
    found = statement(node, uri, without_comments(text))
    wrong = len(node.scope.problems) > before
    del node.scope.problems[before:]  # they belong to the message, not to the route's compilation
    if found is None or wrong:
        raise _bad_statement()
    return found


def _bad_statement() -> JavaException:
    return failure(
        "org.springframework.jdbc.BadSqlGrammarException", "the statement of the message cannot be read"
    )


def consumer(node: Node, uri: Uri) -> Query | None:
    """The consumer of a route; notes what is wrong with its options."""
    written, way = statement(node, uri), data_source(node, uri)
    if written is None or way is None:
        return None
    after = {name: statement(node, uri, uri.options[name]) for name in
             ("onConsume", "onConsumeFailed", "onConsumeBatchComplete") if uri.options.get(name)}  # fmt: skip
    return compile_query(node, uri, way, written, after)
