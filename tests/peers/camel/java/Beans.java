import javax.sql.DataSource;
import org.apache.camel.CamelContext;
import org.h2.jdbcx.JdbcDataSource;

/** What a case may ask for by name and YAML cannot make: a database in memory, filled by its script. */
final class Beans {
    private Beans() {}

    static void bind(CamelContext context, String script) throws Exception {
        if (script == null) {
            return;
        }
        JdbcDataSource source = new JdbcDataSource();
        source.setURL("jdbc:h2:mem:case" + System.nanoTime() + ";DB_CLOSE_DELAY=-1");
        try (var connection = source.getConnection(); var statement = connection.createStatement()) {
            statement.execute(script);
        }
        context.getRegistry().bind("dataSource", DataSource.class, source);
    }
}
