import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import org.apache.camel.main.Main;

/**
 * Camel as a server, as its users start it: camel-main with platform-http on Vert.x.
 *
 * <p>Arguments: a file of routes, a port, the provider's address, and a JDBC address or `none`.
 */
public final class Serve {
    private Serve() {}

    public static void main(String[] arguments) throws Exception {
        Main main = new Main();
        main.addInitialProperty("camel.main.routesIncludePattern", "file:" + arguments[0]);
        main.addInitialProperty("camel.main.jmxEnabled", "false");
        main.addInitialProperty("camel.server.enabled", "true");
        main.addInitialProperty("camel.server.host", "127.0.0.1");
        main.addInitialProperty("camel.server.port", arguments[1]);
        main.addInitialProperty("camel.component.http.connections-per-route", "256");
        main.addInitialProperty("camel.component.http.max-total-connections", "512");
        main.addInitialProperty("provider", arguments[2]);
        if (!arguments[3].equals("none")) {
            HikariConfig config = new HikariConfig();
            config.setJdbcUrl(arguments[3]);
            config.setMaximumPoolSize(16);
            main.bind("dataSource", new HikariDataSource(config));
        }
        main.run();
    }
}
