import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.apache.camel.Exchange;
import org.apache.camel.ExchangePattern;
import org.apache.camel.Processor;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.spi.Resource;
import org.apache.camel.support.PluginHelper;
import org.apache.camel.support.ResourceHelper;

/**
 * What a step costs in Camel, and how long routes take to load: the other side of engine_steps.py.
 *
 * <p>Arguments: `steps DIRECTORY ROUNDS COUNT ENTRY…` prints `ENTRY nanoseconds` for each round, the entries in
 * turn; `load DIRECTORY` prints the milliseconds until every route has started.
 */
public final class Steps {
    private Steps() {}

    public static void main(String[] arguments) throws Exception {
        List<Resource> routes = new ArrayList<>();
        try (Stream<Path> files = Files.list(Path.of(arguments[1]))) {
            for (Path file : files.sorted().toList()) {
                routes.add(ResourceHelper.fromString(file.getFileName().toString(), Files.readString(file)));
            }
        }
        long before = System.nanoTime();
        DefaultCamelContext context = new DefaultCamelContext(false);
        context.disableJMX();
        context.build();
        context.getShutdownStrategy().setTimeout(1);
        PluginHelper.getRoutesLoader(context).loadRoutes(routes);
        context.start();
        if (arguments[0].equals("load")) {
            System.out.println((System.nanoTime() - before) / 1_000_000);
            System.exit(0);
        }
        int rounds = Integer.parseInt(arguments[2]);
        int count = Integer.parseInt(arguments[3]);
        ProducerTemplate template = context.createProducerTemplate();
        Processor message = exchange -> {
            exchange.getIn().setBody("a permit");
            exchange.getIn().setHeader("Kind", "permit");
        };
        for (int round = 0; round < rounds; round++) {
            for (int index = 4; index < arguments.length; index++) {
                String entry = arguments[index];
                long start = System.nanoTime();
                for (int run = 0; run < count; run++) {
                    Exchange sent = template.send("direct:" + entry, ExchangePattern.InOut, message);
                    if (sent.getException() != null) {
                        throw sent.getException();
                    }
                }
                System.out.println(entry + " " + (System.nanoTime() - start) / count);
            }
        }
        System.exit(0);
    }
}
