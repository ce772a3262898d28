"""What of the Camel vectors the embedded engine does not run, or runs differently on purpose.

`test_camel_vectors` asserts that every case is run, stands in one of these tables with its reason, or is
refused before a message comes where Camel fails on the message; and that no entry is stale.
"""

from __future__ import annotations

NOT_YET: dict[str, str] = {
    "bean-type": "the step bean",
    "bean-yaml-groovy": "script of a bean needs Java",
    "controlbus": "the component controlbus:",
    "df-mime": "the data format mimeMultipart",
    "df-pgp": "the data format pgp",
    "df-soap": "the data format soap",
    "dynamicRouter": "the language groovy",
    "jsonata": "the component jsonata:",
    "loadBalance-sticky": "stickyLoadBalancer",
    "parameters-kebab": "routes from platform-http:",
    "rest-http": "restConfiguration",
    "rest-root-path": "rest",
    "split-strategy-groovy-bean": "script of a bean needs Java",
    "transacted-nomanager": "the step transacted",
}
"""Cases by the first part they wait for."""

NOT_HERE: dict[str, str] = {
    "jq#26": "constant() is a defect of camel-jq: it throws",
    "jq#38": "input reads more input than the exchange",
    "jq#39": "env shows the environment of the bus",
    "simple-basic#40": "threadName shows the process, not the exchange",
    "simple-basic#41": "hostname shows the infrastructure",
    "simple-basic#66": "sys shows the process",
    "simple-basic#67": "sys shows the process",
    "simple-basic#68": "env shows the environment of the bus, secrets included",
    "simple-basic#69": "env shows the environment of the bus, secrets included",
    "simple-basic#70": "ref needs Java beans",
    "simple-basic#71": "type needs Java classes",
    "simple-basic#76": "attachments belong to the mail and multipart parts, not yet here",
    "simple-func#107": "messageHistory prints the values of the message",
    "simple-func#112": "bean needs Java beans",
    "simple-func#113": "function needs Java beans",
}
"""Rows of parts the engine has that it refuses when the route is compiled."""

DIFFERENT: dict[str, str] = {
    "simple-func#56": "the body is an iterator, printed with its place in memory",
    "simple-func#57": "the body is an iterator, printed with its place in memory",
    "df-unzip-splitter": "the body left after the split is an iterator, printed with its place in memory",
    "df-gzip-zip": "bodyType names Camel's class of streams; the engine's bodies are bytes",
    "convertBodyTo-byteA": "a list has no conversion to bytes; Camel trips over its own reflection there",
    "log": "recorded with logging off: Camel did not evaluate the message; the engine always does",
    "simple-func#13": "a counter of the process: the value depends on earlier cases",
    "stream-nocache": "a body can always be read again: there are no one-time streams",
}
"""Cases with another outcome on purpose."""
