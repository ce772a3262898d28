"""Exceptions of routes: Java class names, their small hierarchy, and the errors of the bus that bear them.

`throwException`, `doCatch` and `${exception…}` speak of Java classes. Where an error of the bus has the
same Camel name (design, section 3) that one is thrown; any other known class is a JavaException.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from integrator.exchange import (
    BrokenContract,
    IntegratorError,
    InvalidRequest,
    NoData,
    Overloaded,
    ProviderFault,
    ProviderTimeout,
    ProviderUnreachable,
    RouteFailed,
)

CAMEL = "org.apache.camel."
RUNTIME_CAMEL = CAMEL + "RuntimeCamelException"

_TREE: dict[str, str] = {
    "java.lang.Throwable": (
        "java.lang.Exception java.lang.Error"
    ),
    "java.lang.Exception": (
        "java.lang.RuntimeException java.io.IOException java.lang.ReflectiveOperationException"
        " java.lang.CloneNotSupportedException java.lang.InterruptedException"
        " java.util.concurrent.TimeoutException java.util.concurrent.ExecutionException"
        " java.security.GeneralSecurityException java.sql.SQLException java.text.ParseException"
        " java.net.URISyntaxException javax.xml.xpath.XPathExpressionException org.xml.sax.SAXException"
        " javax.xml.transform.TransformerException org.apache.camel.CamelException"
        " javax.xml.parsers.ParserConfigurationException"
        " org.apache.camel.component.xmlsecurity.api.XmlSignatureException"
    ),
    "org.apache.camel.component.xmlsecurity.api.XmlSignatureException": (
        "org.apache.camel.component.xmlsecurity.api.XmlSignatureFormatException"
        " org.apache.camel.component.xmlsecurity.api.XmlSignatureInvalidException"
        " org.apache.camel.component.xmlsecurity.api.XmlSignatureInvalidKeyException"
        " org.apache.camel.component.xmlsecurity.api.XmlSignatureNoKeyException"
    ),
    "org.apache.camel.component.xmlsecurity.api.XmlSignatureInvalidException": (
        "org.apache.camel.component.xmlsecurity.api.XmlSignatureInvalidContentHashException"
        " org.apache.camel.component.xmlsecurity.api.XmlSignatureInvalidValueException"
    ),
    "java.lang.RuntimeException": (
        "java.lang.IllegalArgumentException java.lang.IllegalStateException java.lang.NullPointerException"
        " org.springframework.core.NestedRuntimeException org.springframework.amqp.AmqpException"
        " java.lang.UnsupportedOperationException java.lang.ArithmeticException java.lang.ClassCastException"
        " java.lang.IndexOutOfBoundsException java.lang.SecurityException java.util.NoSuchElementException"
        " java.util.concurrent.RejectedExecutionException java.util.concurrent.CompletionException"
        " java.util.ConcurrentModificationException java.util.EmptyStackException java.time.DateTimeException"
        " java.io.UncheckedIOException com.jayway.jsonpath.JsonPathException"
        " org.apache.camel.RuntimeCamelException org.apache.camel.TypeConversionException"
        " io.github.resilience4j.circuitbreaker.CallNotPermittedException"
        " io.github.resilience4j.bulkhead.BulkheadFullException"
    ),
    "java.lang.IllegalArgumentException": (
        "java.lang.NumberFormatException java.util.regex.PatternSyntaxException"
        " org.apache.camel.language.simple.types.SimpleParserException"
    ),
    "java.lang.IllegalStateException": "java.util.concurrent.CancellationException",
    "java.lang.IndexOutOfBoundsException": (
        "java.lang.StringIndexOutOfBoundsException java.lang.ArrayIndexOutOfBoundsException"
    ),
    "java.lang.SecurityException": "java.security.AccessControlException",
    "java.util.concurrent.RejectedExecutionException": (
        "org.apache.camel.processor.ThrottlerRejectedExecutionException"
    ),
    "java.util.NoSuchElementException": "java.util.InputMismatchException",
    "java.time.DateTimeException": "java.time.format.DateTimeParseException",
    "java.lang.ReflectiveOperationException": (
        "java.lang.ClassNotFoundException java.lang.NoSuchMethodException java.lang.NoSuchFieldException"
    ),
    "java.lang.Error": "java.lang.AssertionError java.lang.StackOverflowError java.lang.OutOfMemoryError",
    "java.io.IOException": (
        "java.io.FileNotFoundException java.io.EOFException java.net.SocketException java.net.ProtocolException"
        " java.net.UnknownHostException java.net.MalformedURLException java.io.InterruptedIOException"
        " java.io.UnsupportedEncodingException java.nio.file.FileSystemException javax.net.ssl.SSLException"
        " net.thisptr.jackson.jq.exception.JsonQueryException"
        " com.fasterxml.jackson.core.JsonProcessingException"
    ),
    "java.io.InterruptedIOException": "java.net.SocketTimeoutException",
    "java.net.SocketException": "java.net.ConnectException java.net.NoRouteToHostException java.net.BindException",
    "java.nio.file.FileSystemException": "java.nio.file.NoSuchFileException java.nio.file.AccessDeniedException",
    "com.fasterxml.jackson.core.JsonProcessingException": (
        "com.fasterxml.jackson.core.JsonParseException com.fasterxml.jackson.databind.JsonMappingException"
    ),
    "com.fasterxml.jackson.databind.JsonMappingException": (
        "com.fasterxml.jackson.databind.exc.MismatchedInputException"
    ),
    "net.thisptr.jackson.jq.exception.JsonQueryException": (
        "net.thisptr.jackson.jq.exception.IllegalJsonInputException"
        " net.thisptr.jackson.jq.exception.IllegalJsonArgumentException"
        " net.thisptr.jackson.jq.exception.JsonQueryUserException"
    ),
    "com.jayway.jsonpath.JsonPathException": "com.jayway.jsonpath.InvalidPathException",
    "com.jayway.jsonpath.InvalidPathException": "com.jayway.jsonpath.PathNotFoundException",
    "org.xml.sax.SAXException": "org.xml.sax.SAXParseException",
    "org.apache.camel.CamelException": (
        "org.apache.camel.CamelExchangeException org.apache.camel.AlreadyStoppedException"
        " org.apache.camel.NoTypeConversionAvailableException"
        " org.apache.camel.http.base.HttpOperationFailedException"
    ),
    "org.apache.camel.CamelExchangeException": (
        "org.apache.camel.ValidationException org.apache.camel.InvalidPayloadException"
        " org.apache.camel.ExchangeTimedOutException org.apache.camel.CamelExecutionException"
        " org.apache.camel.RollbackExchangeException org.apache.camel.InvalidTypeException"
        " org.apache.camel.CamelAuthorizationException org.apache.camel.ExpectedBodyTypeException"
        " org.apache.camel.component.direct.DirectConsumerNotAvailableException"
        " org.apache.camel.component.bean.MethodNotFoundException"
        " org.apache.camel.processor.idempotent.NoMessageIdException"
        " org.apache.camel.NoSuchHeaderException org.apache.camel.NoSuchPropertyException"
    ),
    "org.apache.camel.ValidationException": (
        "org.apache.camel.support.processor.PredicateValidationException"
        " org.apache.camel.support.processor.validation.SchemaValidationException"
        " org.apache.camel.support.processor.validation.NoXmlBodyValidationException"
        " org.apache.camel.support.processor.validation.NoXmlHeaderValidationException"
        " org.apache.camel.component.jsonvalidator.JsonValidationException"
        " org.apache.camel.component.jsonvalidator.NoJsonBodyValidationException"
    ),
    "org.apache.camel.RuntimeCamelException": (
        "org.apache.camel.ExpressionEvaluationException org.apache.camel.ExpressionIllegalSyntaxException"
        " org.apache.camel.language.bean.RuntimeBeanExpressionException org.apache.camel.NoSuchBeanException"
        " org.apache.camel.NoSuchEndpointException org.apache.camel.ResolveEndpointFailedException"
        " org.apache.camel.RuntimeExchangeException org.apache.camel.NoSuchLanguageException"
        " org.apache.camel.language.xpath.InvalidXPathException org.apache.camel.RuntimeTransformException"
        " org.apache.camel.component.file.GenericFileOperationFailedException"
    ),
    "org.apache.camel.ExpressionIllegalSyntaxException": (
        "org.apache.camel.language.simple.types.SimpleIllegalSyntaxException"
    ),
    "org.apache.camel.RuntimeExchangeException": "org.apache.camel.language.simple.SimpleAssertionException",
    "java.sql.SQLException": "java.sql.SQLDataException java.sql.SQLSyntaxErrorException",
    "org.springframework.core.NestedRuntimeException": "org.springframework.dao.DataAccessException",
    "org.springframework.dao.DataAccessException": (
        "org.springframework.dao.NonTransientDataAccessException org.springframework.dao.DataRetrievalFailureException"
    ),
    "org.springframework.dao.NonTransientDataAccessException": (
        "org.springframework.dao.DataIntegrityViolationException"
        " org.springframework.dao.InvalidDataAccessResourceUsageException"
        " org.springframework.dao.DataAccessResourceFailureException"
        " org.springframework.dao.UncategorizedDataAccessException"
    ),
    "org.springframework.dao.DataIntegrityViolationException": "org.springframework.dao.DuplicateKeyException",
    "org.springframework.dao.InvalidDataAccessResourceUsageException": (
        "org.springframework.jdbc.BadSqlGrammarException"
    ),
    "org.springframework.dao.DataAccessResourceFailureException": (
        "org.springframework.jdbc.CannotGetJdbcConnectionException"
    ),
    "org.springframework.dao.UncategorizedDataAccessException": (
        "org.springframework.jdbc.UncategorizedSQLException"
    ),
    "org.springframework.amqp.AmqpException": (
        "org.springframework.amqp.AmqpConnectException org.springframework.amqp.AmqpReplyTimeoutException"
    ),
}  # fmt: skip

PARENTS: dict[str, str] = {child: parent for parent, children in _TREE.items() for child in children.split()}
"""Every class a route may name, with its superclass."""

THROWN_AS: dict[str, type[IntegratorError]] = {
    kind.camel: kind
    for kind in (
        InvalidRequest, NoData, Overloaded, ProviderTimeout, ProviderUnreachable, BrokenContract, ProviderFault
    )
}  # fmt: skip
"""Classes that a route throws as an error of the bus. Who may ask, and whether the journal was written,
are the gateway's findings: their Camel names, thrown by a route, stay JavaExceptions."""


class JavaException(RouteFailed):
    """A route failed with a Java exception that is no error of the bus."""

    def __init__(self, java_class: str, message: str = "", *, text: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.java_class = java_class
        self.text = message if text is None else text
        self.java_cause: BaseException | None = None
        self.members: Mapping[str, object] = {}  # what else routes may ask it: ${exception.statusCode}


def known(java_class: str) -> bool:
    """Whether routes may name this class."""
    return java_class in PARENTS or java_class == "java.lang.Throwable"


def thrown(java_class: str, text: str, message: str) -> IntegratorError:
    """The error that `throwException` throws: `text` as routes see it, `message` free of values."""
    kind = THROWN_AS.get(java_class)
    if kind is None:
        return JavaException(java_class, message, text=text)
    return named(kind(message), java_class, text)


def named(error: IntegratorError, java_class: str, text: str | None = None) -> IntegratorError:
    """The same error under another Java class name, and with the text that routes see."""
    setattr(error, "java_class", java_class)  # noqa: B010 - not every error of the bus has one
    if text is not None:
        setattr(error, "text", text)  # noqa: B010
    return error


def failure(java_class: str, message: str, cause: Exception | None = None) -> JavaException:
    """An error of the engine, with its cause as Java has it."""
    error = JavaException(java_class, message)
    error.java_cause = cause
    return error


def wrapped(java_class: str, cause: IntegratorError) -> JavaException:
    """Java's wrapping: the message is the cause's class and message."""
    return failure(java_class, f"{class_of(cause)}: {text_of(cause)}", cause)


def class_of(error: BaseException) -> str:
    """The Java class name of an error."""
    name = getattr(error, "java_class", None)
    if isinstance(name, str):
        return name
    return error.camel if isinstance(error, IntegratorError) else RUNTIME_CAMEL


def text_of(error: BaseException) -> str:
    """The message as routes see it."""
    text = getattr(error, "text", None)
    if isinstance(text, str):
        return text
    return error.message if isinstance(error, IntegratorError) else type(error).__name__


def ancestors(java_class: str) -> Iterator[str]:
    """The class and its superclasses."""
    name: str | None = java_class
    while name is not None:
        yield name
        name = PARENTS.get(name)


def cause_of(error: BaseException) -> BaseException | None:
    """The cause as Java has it; Python's own chain counts where it is an error of the bus."""
    cause = getattr(error, "java_cause", None) or error.__cause__
    return cause if isinstance(cause, IntegratorError) else None


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes, outermost first."""
    seen: BaseException | None = error
    for _ in range(16):
        if seen is None:
            return
        yield seen
        seen = cause_of(seen)


def matches(error: BaseException, classes: frozenset[str]) -> bool:
    """Whether the error or one of its causes is of one of these classes (doCatch)."""
    return any(name in classes for link in causes(error) for name in ancestors(class_of(link)))


def causes_match(classes: frozenset[str]) -> Callable[[BaseException], bool]:
    """The test `matches` for fixed classes."""
    return lambda error: matches(error, classes)
