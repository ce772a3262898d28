import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import javax.xml.parsers.DocumentBuilderFactory;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.ExchangePattern;
import org.apache.camel.Processor;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.component.direct.DirectComponent;
import org.apache.camel.component.mock.MockEndpoint;
import org.apache.camel.component.seda.SedaComponent;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.spi.CamelEvent;
import org.apache.camel.support.EventNotifierSupport;
import org.apache.camel.support.PluginHelper;
import org.apache.camel.support.ResourceHelper;

/**
 * Runs cases on a real Camel: a JSON line in, a JSON line out, a fresh context for each.
 *
 * <p>A case has `routes` (YAML), what is sent, and which mocks are told; README.md beside the Python side
 * describes it. Nothing here sleeps to let things happen: mocks are waited for by count.
 */
public final class Runner {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String TRANSFORMERS = "javax.xml.transform.TransformerFactory";

    private Runner() {}

    public static void main(String[] arguments) throws Exception {
        PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setOut(System.err); // what Camel prints must not come between the answers
        BufferedReader cases = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        answers.println("{\"ready\":true}");
        String line;
        while ((line = cases.readLine()) != null) {
            Map<String, Object> outcome;
            JsonNode given = JSON.readTree(line);
            try {
                outcome = run(given);
            } catch (Throwable problem) {
                outcome = new LinkedHashMap<>();
                outcome.put("broken", Shown.failure(problem));
            }
            outcome.put("number", given.path("number").asInt());
            answers.println(JSON.writeValueAsString(outcome));
        }
    }

    private static Map<String, Object> run(JsonNode given) throws Exception {
        Map<String, Object> outcome = new LinkedHashMap<>();
        DefaultCamelContext context = new DefaultCamelContext(false);
        context.disableJMX();
        context.build();
        context.getShutdownStrategy().setTimeout(2);
        context.getShutdownStrategy().setLogInflightExchangesOnTimeout(false);
        context.getShutdownStrategy().setShutdownNowOnTimeout(true);
        if (given.has("streamCaching")) {
            context.setStreamCaching(given.get("streamCaching").asBoolean());
        }
        Properties placeholders = new Properties();
        placeholders.setProperty("dummy", "x");
        given.path("placeholders").fields()
                .forEachRemaining(entry -> placeholders.setProperty(entry.getKey(), entry.getValue().asText()));
        context.getPropertiesComponent().setInitialProperties(placeholders);
        Map<String, Integer> events = new LinkedHashMap<>();
        context.getManagementStrategy().addEventNotifier(counting(events));
        Beans.bind(context, given.path("dataSource").asText(null));
        AutoCloseable broker = Beans.bindBroker(context, given.path("broker").asText(null));
        Beans.bindKeys(context, given.path("keyStore").asText(null), given.path("keyPassword").asText(null));
        context.getComponent("direct", DirectComponent.class).setTimeout(1_000); // instead of half a minute
        context.getComponent("seda", SedaComponent.class).setDefaultPollTimeout(20); // or stopping waits a second
        xslt(given.path("saxon").asBoolean(true));
        try {
            try {
                PluginHelper.getRoutesLoader(context)
                        .loadRoutes(ResourceHelper.fromString("case.yaml", given.get("routes").asText()));
                context.start();
            } catch (Exception problem) {
                outcome.put("loadError", Shown.failure(problem));
                return outcome;
            }
            if (given.path("loadOnly").asBoolean(false)) {
                return outcome;
            }
            for (JsonNode name : given.path("mocks")) {
                context.getEndpoint(name.asText(), MockEndpoint.class); // before any thread asks for it, too
            }
            exchange(context, given, outcome);
            synchronized (events) {
                outcome.put("events", new LinkedHashMap<>(events));
            }
        } finally {
            context.stop();
            broker.close();
        }
        return outcome;
    }

    /** Picks what `xslt:` runs on: Saxon, as on every Camel that has it, or the JDK's own XSLT 1.0. */
    private static void xslt(boolean saxon) {
        if (saxon) {
            System.clearProperty(TRANSFORMERS);
        } else {
            System.setProperty(TRANSFORMERS, "com.sun.org.apache.xalan.internal.xsltc.trax.TransformerFactoryImpl");
        }
    }

    private static EventNotifierSupport counting(Map<String, Integer> events) {
        return new EventNotifierSupport() {
            @Override
            public void notify(CamelEvent event) {
                synchronized (events) {
                    events.merge(event.getType().name(), 1, Integer::sum);
                }
            }
        };
    }

    private static void exchange(CamelContext context, JsonNode given, Map<String, Object> outcome) throws Exception {
        List<JsonNode> messages = new ArrayList<>();
        if (given.has("send")) {
            given.get("send").forEach(messages::add);
        } else if (!given.path("noSend").asBoolean(false)) {
            messages.add(given);
        }
        ProducerTemplate template = context.createProducerTemplate();
        List<Exchange> replies = new ArrayList<>();
        if (given.path("parallel").asBoolean(false)) {
            ExecutorService pool = Executors.newFixedThreadPool(Math.max(messages.size(), 1));
            List<Future<Exchange>> sent = new ArrayList<>();
            for (JsonNode message : messages) {
                sent.add(pool.submit(() -> send(template, given, message)));
            }
            for (Future<Exchange> one : sent) {
                replies.add(one.get());
            }
            pool.shutdown();
        } else {
            for (JsonNode message : messages) {
                if (message.has("pauseMs")) {
                    Thread.sleep(message.get("pauseMs").asLong());
                }
                replies.add(send(template, given, message));
            }
        }
        if (!waited(context, given)) {
            outcome.put("timedOut", true);
        }
        if (given.path("stopFirst").asBoolean(false)) {
            context.stop();
        }
        show(context, given, replies, outcome);
    }

    private static void show(
            CamelContext context, JsonNode given, List<Exchange> replies, Map<String, Object> outcome) {
        List<Object> shown = new ArrayList<>();
        for (Exchange reply : replies) {
            shown.add(Shown.reply(reply));
        }
        outcome.put("replies", shown);
        Map<String, Object> mocks = new LinkedHashMap<>();
        for (JsonNode name : given.path("mocks")) {
            List<Object> received = new ArrayList<>();
            for (Exchange one : context.getEndpoint(name.asText(), MockEndpoint.class).getReceivedExchanges()) {
                received.add(Shown.message(one));
            }
            mocks.put(name.asText(), received);
        }
        outcome.put("mocks", mocks);
    }

    /** Waits until the mocks have the messages the case counts on; false where time ran out. */
    private static boolean waited(CamelContext context, JsonNode given) throws Exception {
        boolean all = received(context, given.path("counts"), given.path("timeoutMs").asLong(15_000));
        if (all) { // where the engine has more, Camel may only be late
            received(context, given.path("likely"), 2_000);
        }
        if (all && given.has("settleMs")) { // what must not come any more can only be waited for
            Thread.sleep(given.get("settleMs").asLong());
        }
        return all;
    }

    private static boolean received(CamelContext context, JsonNode counts, long milliseconds) throws Exception {
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(milliseconds);
        Iterator<Map.Entry<String, JsonNode>> fields = counts.fields();
        while (fields.hasNext()) {
            Map.Entry<String, JsonNode> wanted = fields.next();
            MockEndpoint mock = context.getEndpoint(wanted.getKey(), MockEndpoint.class);
            while (mock.getReceivedCounter() < wanted.getValue().asInt()) {
                if (System.nanoTime() > end) {
                    return false;
                }
                Thread.sleep(2);
            }
        }
        return true;
    }

    private static Exchange send(ProducerTemplate template, JsonNode given, JsonNode message) {
        String entry = message.path("entry").asText(given.path("entry").asText("direct:start"));
        String pattern = message.path("pattern").asText(given.path("pattern").asText("InOut"));
        Processor fill = exchange -> {
            exchange.getIn().setBody(body(message, message.path("bodyType").asText(given.path("bodyType").asText(""))));
            message.path("headers").fields().forEachRemaining(
                    header -> exchange.getIn().setHeader(header.getKey(), plain(header.getValue())));
            message.path("properties").fields().forEachRemaining(
                    property -> exchange.setProperty(property.getKey(), plain(property.getValue())));
            message.path("variables").fields().forEachRemaining(
                    variable -> exchange.setVariable(variable.getKey(), plain(variable.getValue())));
        };
        return template.send(entry, ExchangePattern.valueOf(pattern), fill);
    }

    private static Object body(JsonNode message, String type) {
        Object found = plain(message.get("body"));
        if (type.isEmpty() || !(found instanceof String)) {
            return found;
        }
        byte[] bytes = ((String) found).getBytes(StandardCharsets.UTF_8);
        switch (type) {
            case "stream":
                return new ByteArrayInputStream(bytes);
            case "bytes":
            case "utf8":
                return bytes;
            case "dom":
                return parsed(bytes);
            default:
                throw new IllegalArgumentException("bodyType is stream, bytes or dom, not " + type);
        }
    }

    private static Object parsed(byte[] bytes) {
        try {
            DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
            factory.setNamespaceAware(true);
            return factory.newDocumentBuilder().parse(new ByteArrayInputStream(bytes));
        } catch (Exception problem) {
            throw new IllegalArgumentException(problem);
        }
    }

    private static Object plain(JsonNode value) {
        return value == null || value.isNull() ? null : JSON.convertValue(value, Object.class);
    }
}
