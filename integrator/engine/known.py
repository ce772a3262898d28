"""The names of Camel 4.18, and why the embedded engine does not run those it has no part for."""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


STEPS = _names(
    """
    aggregate bean choice circuitBreaker claimCheck convertBodyTo convertHeaderTo convertVariableTo delay doTry
    dynamicRouter enrich filter idempotentConsumer kamelet loadBalance log loop marshal multicast pausable
    pipeline policy poll pollEnrich process recipientList removeHeader removeHeaders removeProperties
    removeProperty removeVariable resequence resumable rollback routingSlip saga sample script serviceCall
    setBody setExchangePattern setHeader setHeaders setProperty setVariable setVariables sort split step stop
    threads throttle throwException to toD tokenizer transacted transform transformDataType unmarshal validate
    whenSkipSendToEndpoint wireTap
    """
)
"""Steps of a route."""

ELEMENTS = _names(
    """
    beans dataFormats errorHandler from intercept interceptFrom interceptSendToEndpoint onCompletion onException
    rest restConfiguration route routeConfiguration routeTemplate sslContextParameters templatedRoute
    transformers validators
    """
)
"""What may stand at the top of a file."""

LANGUAGES = _names(
    """
    constant csimple datasonnet exchangeProperty groovy header hl7terser java joor jq js jsonpath language
    method mvel ognl python ref simple spel tokenize variable wasm xpath xquery xtokenize
    """
)

DATA_FORMATS = _names(
    """
    asn1 avro barcode base64 beanio bindy cbor crypto csv custom dfdl fhirJson fhirXml flatpack fory grok
    groovyJson groovyXml gzipDeflater hl7 ical iso8583 jacksonXml jaxb json jsonApi lzf mimeMultipart ocsf
    parquetAvro pgp pqc protobuf rss smooks soap swiftMt swiftMx syslog tarFile thrift tidyMarkup univocityCsv
    univocityFixed univocityTsv xmlSecurity yaml zipDeflater zipFile
    """
)

COMPONENTS = _names(
    """
    activemq amqp as2 asterisk atmosphere-websocket atom avro aws2-s3 aws2-sqs azure-servicebus
    azure-storage-blob bean bean-validator braintree browse caffeine-cache chatscript chunk class cm-sms cometd
    consul controlbus couchbase couchdb cql cron crypto cxf cxfrs dapr dataformat dataset dataset-test
    debezium-postgres digitalocean direct disruptor djl dns docker drill dynamic-router elasticsearch etcd3
    event exec facebook fhir file file-watch flatpack freemarker ftp ftps git google-pubsub google-storage
    graphql grpc hashicorp-vault hazelcast-queue http https hwcloud-obs iec60870-client ignite-cache imap imaps
    infinispan influxdb2 irc jcache jcr jdbc jetty jgroups jira jms jolt jpa jq jslt json-patch json-validator
    jsonata jt400 kafka kamelet keycloak knative kubernetes-secrets langchain4j-chat language ldap ldif log
    lucene mail master metrics micrometer milo mina minio mllp mock mongodb mustache mvel mybatis nats neo4j
    netty netty-http nitrite oaipmh oauth olingo4 openai opensearch opentelemetry optaplanner paho paho-mqtt5
    pdf pgevent pinecone platform-http plc4x pop3 pop3s pqc pubnub pulsar qdrant quartz quickfix rabbitmq
    reactive-streams redis ref rest rest-api rest-openapi rocketmq rss saga salesforce sap scheduler schematron
    scp seda service servicenow servlet sftp shiro sjms sjms2 slack smb smpp smtp smtps snmp solr splunk
    spring-event spring-jdbc spring-rabbitmq spring-ws sql sql-stored ssh stax stitch stomp stream
    string-template stub tahu-edge telegram thrift thymeleaf tika timer torchserve twilio twitter-search
    undertow validator velocity vertx vertx-http vertx-websocket weather web3j websocket whatsapp wordpress
    workday xchange xj xmlsecurity-sign xmlsecurity-verify xmpp xquery xslt xslt-saxon zeebe zendesk zookeeper
    """
)

LATER = _names(
    "rest restConfiguration script transacted smtp smtps imap imaps pop3 pop3s mail dataset dataset-test controlbus "
    "jsonata mimeMultipart"
)
"""What the profile means to have, and has not yet."""

_JAVA = "it needs classes of the Java virtual machine"
_CODE = "it runs code that stands in the route"
_OUTSIDE = "it reaches a system outside by itself: here an adapter does that, and says who may"
_CONTEXT = "it steers a Camel context, which there is none of here"
_CARRIED = "the gateway and the entries of routes.yaml do that here"
_REASONS: dict[str, str] = {
    **dict.fromkeys(("pausable", "resumable"), "it keeps offsets of Java consumers"),
    "policy": _JAVA,
    "serviceCall": "it looks services up in a registry: an adapter names its system",
    "tokenizer": "it cuts texts for language models",
    "transformDataType": "data types need Java transformers: use marshal, unmarshal and validate",
    "whenSkipSendToEndpoint": "it is part of interceptSendToEndpoint, with onWhen",
    **dict.fromkeys(("transformers", "validators"), "data types need Java transformers and validators"),
    "sslContextParameters": "certificates belong to adapters",
    "dataFormats": "data formats stand in marshal and unmarshal",
    **dict.fromkeys(("java", "joor", "csimple", "method"), _JAVA),
    **dict.fromkeys(("groovy", "js", "python", "mvel", "ognl", "spel", "wasm"), _CODE),
    **dict.fromkeys(("datasonnet", "hl7terser"), "use jq, jsonpath or xpath"),
    **dict.fromkeys(("bean-validator", "class", "ref", "spring-jdbc", "jpa", "mybatis", "service", "event",
                     "spring-event", "optaplanner", "djl", "torchserve", "shiro", "tika", "schematron"), _JAVA),
    **dict.fromkeys(("exec", "docker", "ssh", "scp", "stream"), "it runs programs or reads streams of the machine"),
    **dict.fromkeys(("master", "browse", "dynamic-router", "micrometer", "metrics", "opentelemetry"), _CONTEXT),
    **dict.fromkeys(("jetty", "netty-http", "platform-http", "rest", "rest-api", "rest-openapi", "servlet",
                     "undertow", "cxf", "cxfrs", "spring-ws", "soap", "atmosphere-websocket"), _CARRIED),
    **dict.fromkeys(("freemarker", "velocity", "string-template", "thymeleaf", "jolt", "jslt", "json-patch", "mvel",
                     "chunk"), "use mustache:, xslt:, jq or jsonpath"),
    **dict.fromkeys(("crypto", "pqc", "pgp"), "keys belong to adapters and to xmlsecurity-sign:"),
    **dict.fromkeys(("caffeine-cache", "jcache", "ehcache", "infinispan", "hazelcast-queue", "ignite-cache"),
                    "values kept from one exchange to the next belong to the store"),
    **dict.fromkeys(("bindy", "beanio", "jaxb", "avro", "parquetAvro", "protobuf", "thrift", "fory", "smooks",
                     "flatpack", "custom", "univocityCsv", "univocityFixed", "univocityTsv", "asn1", "cbor"),
                    "it maps to Java classes, or has no part here: use csv, json, jacksonXml or yaml"),
    **dict.fromkeys(("fhirJson", "fhirXml", "hl7", "iso8583", "swiftMt", "swiftMx", "ical", "syslog", "ocsf",
                     "dfdl", "grok", "rss", "tidyMarkup", "tarFile", "lzf", "barcode", "jsonApi", "groovyJson",
                     "groovyXml", "xmlSecurity"), "no Belgian contract of the site needs it"),
}  # fmt: skip
"""Name → why the embedded engine has no part for it; other components reach a system outside."""


def why(name: str) -> str:
    """Why the embedded engine does not run a name of Camel: a sentence to put after it."""
    if name in LATER:
        return "is not yet in the embedded engine"
    reason = _REASONS.get(name, _OUTSIDE if name in COMPONENTS - LANGUAGES else "")
    return f"runs on Camel K only: {reason}" if reason else "is not yet in the embedded engine"
