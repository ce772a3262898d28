import java.io.ByteArrayInputStream;
import java.net.URI;
import java.security.KeyStore;
import java.util.Base64;
import javax.sql.DataSource;
import org.apache.camel.CamelContext;
import org.apache.camel.component.xmlsecurity.api.DefaultKeyAccessor;
import org.apache.camel.component.xmlsecurity.api.DefaultKeySelector;
import org.h2.jdbcx.JdbcDataSource;
import org.springframework.amqp.rabbit.connection.CachingConnectionFactory;
import org.springframework.amqp.rabbit.connection.ConnectionFactory;

/**
 * What a case may ask for by name and YAML cannot make: a database in memory, filled by its script, a broker, and the keys of
 * a key store, as `signing` and `trusted`.
 */
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

    /** The broker at this address, as the only connection factory; close it after the context. */
    static AutoCloseable bindBroker(CamelContext context, String address) {
        if (address == null) {
            return () -> {};
        }
        CachingConnectionFactory factory = new CachingConnectionFactory(URI.create(address));
        context.getRegistry().bind("broker", ConnectionFactory.class, factory);
        return factory::destroy;
    }

    /** A PKCS 12 key store in base64, with one entry; its password is its entry's. */
    static void bindKeys(CamelContext context, String store, String password) throws Exception {
        if (store == null) {
            return;
        }
        KeyStore keys = KeyStore.getInstance("PKCS12");
        keys.load(new ByteArrayInputStream(Base64.getDecoder().decode(store)), password.toCharArray());
        String alias = keys.aliases().nextElement();
        DefaultKeyAccessor signing = new DefaultKeyAccessor();
        signing.setKeyStore(keys);
        signing.setAlias(alias);
        signing.setPassword(password);
        context.getRegistry().bind("signing", signing);
        DefaultKeySelector trusted = new DefaultKeySelector();
        trusted.setKeyStore(keys);
        trusted.setAlias(alias);
        context.getRegistry().bind("trusted", trusted);
    }
}
