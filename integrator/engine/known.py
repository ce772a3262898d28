"""The names of Camel 4.18 that the embedded engine does not run yet, to tell "not yet" from "unknown"."""

from __future__ import annotations

STEPS = frozenset(
    """
    aggregate bean choice circuitBreaker claimCheck convertBodyTo convertHeaderTo convertVariableTo delay doTry
    dynamicRouter enrich filter idempotentConsumer kamelet loadBalance log loop marshal multicast pausable
    pipeline poll pollEnrich process recipientList removeHeader removeHeaders removeProperties removeProperty
    removeVariable resequence resumable rollback routingSlip saga sample script serviceCall setBody
    setExchangePattern setHeader setHeaders setProperty setVariable setVariables sort split step stop threads
    throttle throwException to toD tokenizer transacted transform transformDataType unmarshal validate whenSkipSendToEndpoint
    wireTap policy
    """.split()
)
"""Steps of a route."""

ELEMENTS = frozenset(
    """
    beans dataFormats errorHandler from intercept interceptFrom interceptSendToEndpoint onCompletion onException
    rest restConfiguration route routeConfiguration routeTemplate sslContextParameters templatedRoute transformers
    validators
    """.split()
)
"""What may stand at the top of a file."""

LANGUAGES = frozenset(
    """
    constant csimple datasonnet exchangeProperty groovy header hl7terser java joor jq js jsonpath language method
    mvel ognl python ref simple spel tokenize variable wasm xpath xquery xtokenize
    """.split()
)

DATA_FORMATS = frozenset(
    """
    asn1 avro barcode base64 beanio bindy cbor crypto csv custom dfdl fhirJson fhirXml flatpack fory grok groovyJson
    groovyXml gzipDeflater hl7 ical iso8583 jacksonXml jaxb json jsonApi lzf mimeMultipart ocsf parquetAvro pgp
    protobuf pqc rss smooks soap swiftMt swiftMx syslog tarFile thrift tidyMarkup univocityCsv univocityFixed
    univocityTsv xmlSecurity yaml zipDeflater zipFile
    """.split()
)

COMPONENTS = frozenset(
    """
    activemq amqp as2 atom avro aws2-s3 azure-storage-blob bean bean-validator browse caffeine-cache class cm-sms
    controlbus couchdb cql crypto cron cxf cxfrs dataformat dataset dataset-test debezium-postgres direct
    disruptor dns docker dynamic-router elasticsearch exec fhir file file-watch flatpack freemarker ftp ftps git
    google-storage graphql grpc hashicorp-vault hazelcast-queue http https imap imaps jdbc jetty jgroups jms
    jolt jpa jq jslt json-patch json-validator jsonata jt400 kafka kamelet kubernetes-secrets language ldap
    ldif log lucene mail master micrometer milo mina minio mllp mock mongodb mustache mvel nats netty netty-http
    nitrite oaipmh olingo4 opensearch paho-mqtt5 pdf pgevent platform-http pop3 pop3s quartz rabbitmq redis ref
    rest rest-api rest-openapi saga salesforce sap scheduler scp seda servlet sftp sjms sjms2 slack smb smpp smtp
    smtps snmp solr spring-jdbc spring-rabbitmq spring-ws sql sql-stored ssh stax stitch stomp stream
    string-template stub timer undertow validator velocity vertx vertx-http weather websocket wordpress xj xmlsecurity-sign
    xmlsecurity-verify xmpp xquery xslt xslt-saxon zookeeper
    """.split()
)
