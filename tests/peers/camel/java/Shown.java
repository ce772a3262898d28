import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.InputStream;
import java.io.StringWriter;
import java.lang.reflect.Array;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.xml.transform.OutputKeys;
import javax.xml.transform.Transformer;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.apache.camel.Exchange;
import org.apache.camel.Message;
import org.apache.camel.StreamCache;
import org.w3c.dom.Attr;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;

/** Exchanges as plain data: each value with its Java class, `{"t": class, "v": value}`. */
final class Shown {
    private Shown() {}

    static Map<String, Object> reply(Exchange exchange) {
        Map<String, Object> shown = message(exchange);
        shown.put("failed", exchange.isFailed());
        shown.put("routeStop", exchange.isRouteStop());
        shown.put("rollbackOnly", exchange.isRollbackOnly());
        if (exchange.getException() != null) {
            shown.put("exception", failure(exchange.getException()));
        }
        Throwable caught = exchange.getProperty(Exchange.EXCEPTION_CAUGHT, Throwable.class);
        if (caught != null) {
            shown.put("caught", failure(caught));
        }
        return shown;
    }

    static Map<String, Object> message(Exchange exchange) {
        Map<String, Object> shown = new LinkedHashMap<>();
        Message message = exchange.getMessage();
        shown.put("body", value(message.getBody(), 0));
        shown.put("headers", members(message.getHeaders()));
        shown.put("properties", members(exchange.getAllProperties()));
        if (exchange.hasVariables()) {
            shown.put("variables", members(exchange.getVariables()));
        }
        shown.put("pattern", exchange.getPattern().name());
        return shown;
    }

    static Map<String, Object> failure(Throwable failure) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("class", failure.getClass().getName());
        shown.put("message", failure.getMessage());
        if (failure.getCause() != null && failure.getCause() != failure) {
            shown.put("cause", failure(failure.getCause()));
        }
        return shown;
    }

    private static Map<String, Object> members(Map<String, Object> values) {
        Map<String, Object> shown = new TreeMap<>();
        values.forEach((name, value) -> shown.put(name, value(value, 0)));
        return shown;
    }

    private static Object value(Object value, int depth) {
        if (value == null) {
            return null;
        }
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("t", value.getClass().getName());
        if (depth > 20) {
            return shown;
        }
        if (value instanceof String || value instanceof Boolean || value instanceof Number) {
            shown.put("v", value);
        } else if (value instanceof byte[]) {
            bytes(shown, (byte[]) value);
        } else if (value instanceof JsonNode) {
            shown.put("v", value);
        } else if (value instanceof Node && !(value instanceof NodeList && ((NodeList) value).getLength() > 1
                && !(value instanceof org.w3c.dom.Element || value instanceof org.w3c.dom.Document))) {
            shown.put("v", xml((Node) value));
        } else if (value instanceof NodeList) {
            List<Object> nodes = new ArrayList<>();
            for (int index = 0; index < ((NodeList) value).getLength(); index++) {
                nodes.add(value(((NodeList) value).item(index), depth + 1));
            }
            shown.put("v", nodes);
        } else if (value instanceof InputStream) {
            bytes(shown, read((InputStream) value));
        } else if (value instanceof Map) {
            Map<String, Object> inner = new LinkedHashMap<>();
            ((Map<?, ?>) value).forEach((name, one) -> inner.put(String.valueOf(name), value(one, depth + 1)));
            shown.put("v", inner);
        } else if (value instanceof Map.Entry) {
            Map.Entry<?, ?> entry = (Map.Entry<?, ?>) value;
            shown.put("v", String.valueOf(entry.getKey()) + "=" + entry.getValue());
        } else if (value instanceof Exchange) {
            shown.put("t", "org.apache.camel.Exchange");
            shown.put("v", value(((Exchange) value).getMessage().getBody(), depth + 1));
        } else if (value instanceof Message) {
            shown.put("t", "org.apache.camel.Message");
            shown.put("v", value(((Message) value).getBody(), depth + 1));
        } else if (value instanceof Collection) {
            List<Object> inner = new ArrayList<>();
            ((Collection<?>) value).forEach(one -> inner.add(value(one, depth + 1)));
            shown.put("v", inner);
        } else if (value.getClass().isArray()) {
            List<Object> inner = new ArrayList<>();
            for (int index = 0; index < Array.getLength(value); index++) {
                inner.add(value(Array.get(value, index), depth + 1));
            }
            shown.put("v", inner);
        } else if (value instanceof Throwable) {
            shown.put("v", failure((Throwable) value));
        } else if (value instanceof File) {
            shown.put("v", ((File) value).getName());
        } else if (!String.valueOf(value).contains("@" + Integer.toHexString(value.hashCode()))) {
            shown.put("v", String.valueOf(value));
        }
        return shown;
    }

    private static byte[] read(InputStream stream) {
        try {
            if (stream instanceof StreamCache) {
                ((StreamCache) stream).reset(); // somebody may have read it
            }
            byte[] bytes = stream.readAllBytes();
            if (stream instanceof StreamCache) {
                ((StreamCache) stream).reset();
            } else if (stream instanceof ByteArrayInputStream) {
                stream.reset();
            }
            return bytes;
        } catch (Exception problem) {
            throw new IllegalStateException(problem);
        }
    }

    private static void bytes(Map<String, Object> shown, byte[] bytes) {
        try {
            shown.put("v", StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString());
        } catch (CharacterCodingException notText) {
            shown.put("b64", Base64.getEncoder().encodeToString(bytes));
        }
    }

    private static String xml(Node node) {
        if (node instanceof Attr || node.getNodeType() == Node.TEXT_NODE) {
            return node.getNodeValue();
        }
        try {
            Transformer transformer = TransformerFactory.newDefaultInstance().newTransformer();
            transformer.setOutputProperty(OutputKeys.OMIT_XML_DECLARATION, "yes");
            StringWriter text = new StringWriter();
            transformer.transform(new DOMSource(node), new StreamResult(text));
            return text.toString();
        } catch (Exception problem) {
            throw new IllegalStateException(problem);
        }
    }
}
