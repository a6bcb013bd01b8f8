// What a database browser and an application ask by JDBC, printed so that a run through Glovebox can be compared with one
// without it. Run by `java -cp postgresql.jar Browse.java PART`; the connection is in PGHOST, PGPORT, PGUSER, PGPASSWORD,
// PGDATABASE and PGSSLROOTCERT (empty: without TLS).

import java.io.*;
import java.math.BigDecimal;
import java.sql.*;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;

public class Browse {
    static Connection connect(String... more) throws SQLException {
        Map<String, String> env = System.getenv();
        Properties options = new Properties();
        options.setProperty("user", env.get("PGUSER"));
        options.setProperty("password", env.get("PGPASSWORD"));
        if (env.getOrDefault("PGSSLROOTCERT", "").isEmpty()) {
            options.setProperty("sslmode", "disable");
        } else {
            options.setProperty("sslmode", "verify-full");
            options.setProperty("sslrootcert", env.get("PGSSLROOTCERT"));
        }
        for (int i = 0; i < more.length; i += 2) options.setProperty(more[i], more[i + 1]);
        return DriverManager.getConnection(
            "jdbc:postgresql://" + env.get("PGHOST") + ":" + env.get("PGPORT") + "/" + env.get("PGDATABASE"), options);
    }

    static String row(ResultSet rows) throws SQLException {
        StringJoiner row = new StringJoiner("|");
        for (int i = 1; i <= rows.getMetaData().getColumnCount(); i++) row.add(String.valueOf(rows.getString(i)));
        return row.toString();
    }

    static List<String> all(ResultSet rows) throws SQLException {
        List<String> list = new ArrayList<>();
        try (rows) {
            while (rows.next()) list.add(row(rows));
        }
        return list;
    }

    static void show(String what, Object value) { System.out.println(what + ": " + value); }

    interface Question { Object ask() throws Exception; }

    /** Prints what's answered, or the error as an application gets it. */
    static void ask(String what, Question question) {
        try {
            show(what, question.ask());
        } catch (SQLException error) {
            show(what, "SQLSTATE " + error.getSQLState() + " " + error.getMessage().replace("\n", " /"));
        } catch (Exception error) {
            show(what, error);
        }
    }

    public static void main(String[] arguments) throws Exception {
        switch (arguments[0]) {
            case "metadata": metadata(); break;
            case "reading": reading(); break;
            case "writing": writing(); break;
            default: throw new IllegalArgumentException(arguments[0]);
        }
    }

    /** All of DatabaseMetaData that asks the server something. */
    static void metadata() throws Exception {
        try (Connection connection = connect()) {
            DatabaseMetaData data = connection.getMetaData();
            ask("product", () -> data.getDatabaseProductName() + " " + data.getDatabaseProductVersion());
            ask("keywords", () -> data.getSQLKeywords().length());
            ask("name length", () -> data.getMaxColumnNameLength());
            ask("schemas", () -> all(data.getSchemas()));
            ask("schemas like", () -> all(data.getSchemas(null, "mus%")));
            ask("table types", () -> all(data.getTableTypes()));
            ask("types", () -> all(data.getTypeInfo()));
            ask("UDTs", () -> all(data.getUDTs(null, "museum", "%", null)));
            ask("client info", () -> all(data.getClientInfoProperties()));
            for (String schema : new String[] {"museum", "public", "pg_catalog", "information_schema"}) {
                ask(schema + " tables", () -> all(data.getTables(null, schema, "%", null)));
                ask(schema + " columns", () -> all(data.getColumns(null, schema, "%", "%")));
                ask(schema + " functions", () -> all(data.getFunctions(null, schema, "t%")));
                ask(schema + " function columns", () -> all(data.getFunctionColumns(null, schema, "t%", "%")));
                ask(schema + " procedures", () -> all(data.getProcedures(null, schema, "%")));
                ask(schema + " procedure columns", () -> all(data.getProcedureColumns(null, schema, "r%", "%")));
            }
            for (String name : new String[] {"museum.items", "museum.rooms", "museum.visits", "public.customers", "public.orders"}) {
                String schema = name.split("\\.")[0], table = name.split("\\.")[1];
                ask(name + " primary key", () -> all(data.getPrimaryKeys(null, schema, table)));
                ask(name + " indexes", () -> all(data.getIndexInfo(null, schema, table, false, true)));
                ask(name + " imported", () -> all(data.getImportedKeys(null, schema, table)));
                ask(name + " exported", () -> all(data.getExportedKeys(null, schema, table)));
                ask(name + " best row", () -> all(data.getBestRowIdentifier(null, schema, table, DatabaseMetaData.bestRowSession, true)));
                ask(name + " versions", () -> all(data.getVersionColumns(null, schema, table)));
                ask(name + " table rights", () -> all(data.getTablePrivileges(null, schema, table)));
                ask(name + " column rights", () -> all(data.getColumnPrivileges(null, schema, table, "%")));
            }
            ask("cross", () -> all(data.getCrossReference(null, "public", "customers", null, "public", "orders")));
            ask("statement metadata", () -> {
                try (PreparedStatement statement = connection.prepareStatement("SELECT id, email, $$x$$ FROM customers WHERE id = ?")) {
                    ResultSetMetaData columns = statement.getMetaData();
                    StringJoiner names = new StringJoiner(", ");
                    for (int i = 1; i <= columns.getColumnCount(); i++)
                        names.add(columns.getColumnName(i) + " " + columns.getColumnTypeName(i) + " " + columns.isNullable(i)
                            + " " + columns.isAutoIncrement(i) + " " + columns.getTableName(i) + " " + columns.getSchemaName(i));
                    return names + "; " + statement.getParameterMetaData().getParameterTypeName(1);
                }
            });
        }
    }

    /** What an application does that reads. */
    static void reading() throws Exception {
        try (Connection connection = connect("ApplicationName", "lab", "defaultRowFetchSize", "0")) {
            ask("valid", () -> connection.isValid(5));
            // The driver prepares a statement on the server, and turns to binary, at its fifth execution.
            ask("server-side statement", () -> {
                List<String> seen = new ArrayList<>();
                try (PreparedStatement statement = connection.prepareStatement(
                    "SELECT id, size, area, name, mood, open FROM museum.rooms WHERE id = ?")) {
                    for (int n = 1; n <= 9; n++) {
                        statement.setInt(1, n);
                        try (ResultSet rows = statement.executeQuery()) {
                            rows.next();
                            seen.add(rows.getInt(1) + "," + rows.getInt(2) + "," + rows.getBigDecimal(3) + "," + rows.getString(4)
                                + "," + rows.getString(5) + "," + rows.getString(6));
                        }
                    }
                }
                return seen;
            });
            ask("binary", () -> {
                PreparedStatement statement = connection.prepareStatement(
                    "SELECT id, room, seen, picture, title, tags, facts FROM museum.items WHERE id = ?");
                statement.unwrap(org.postgresql.PGStatement.class).setPrepareThreshold(-1);
                List<String> seen = new ArrayList<>();
                try (statement) {
                    for (long n = 7; n < 25; n += 3) {
                        statement.setLong(1, n);
                        try (ResultSet rows = statement.executeQuery()) {
                            rows.next();
                            seen.add(rows.getLong(1) + "," + rows.getInt(2) + "," + rows.getTimestamp(3).getTime() + ","
                                + Arrays.toString(rows.getBytes(4)) + "," + rows.getString(5) + "," + rows.getString(6) + "," + rows.getString(7));
                        }
                    }
                }
                return seen;
            });
            ask("portal", () -> {
                connection.setAutoCommit(false);
                try (Statement statement = connection.createStatement()) {
                    statement.setFetchSize(37);
                    int count = 0;
                    long sum = 0;
                    try (ResultSet rows = statement.executeQuery("SELECT id, name FROM museum.rooms ORDER BY id")) {
                        while (rows.next()) {
                            count++;
                            sum += rows.getLong(1);
                        }
                    }
                    statement.setMaxRows(5);
                    return count + " " + sum + " " + all(statement.executeQuery("SELECT id FROM museum.rooms ORDER BY id")).size();
                } finally {
                    connection.commit();
                    connection.setAutoCommit(true);
                }
            });
            ask("scrolling", () -> {
                try (Statement statement = connection.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_READ_ONLY);
                    ResultSet rows = statement.executeQuery("SELECT id FROM museum.rooms ORDER BY id")) {
                    rows.last();
                    int last = rows.getInt(1);
                    rows.absolute(10);
                    return last + " " + rows.getInt(1);
                }
            });
            ask("batch", () -> {
                try (PreparedStatement statement = connection.prepareStatement("SELECT ? + 1")) {
                    statement.setInt(1, 1);
                    statement.addBatch();
                    statement.executeBatch();
                    return "no error";
                }
            });
            ask("savepoint", () -> {
                connection.setAutoCommit(false);
                try (Statement statement = connection.createStatement()) {
                    Savepoint point = connection.setSavepoint("here");
                    try {
                        statement.executeQuery("SELECT 1 / 0");
                    } catch (SQLException error) {
                        connection.rollback(point);
                    }
                    return all(statement.executeQuery("SELECT 'goes on'"));
                } finally {
                    connection.rollback();
                    connection.setAutoCommit(true);
                }
            });
            ask("read only", () -> {
                connection.setReadOnly(true);
                connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
                connection.setAutoCommit(false);
                try (Statement statement = connection.createStatement()) {
                    return all(statement.executeQuery("SHOW transaction_isolation"));
                } finally {
                    connection.commit();
                    connection.setAutoCommit(true);
                    connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
                    connection.setReadOnly(false);
                }
            });
            ask("copy", () -> {
                StringWriter out = new StringWriter();
                long count = new CopyManager(connection.unwrap(org.postgresql.core.BaseConnection.class))
                    .copyOut("COPY (SELECT id, name FROM museum.rooms ORDER BY id LIMIT 3) TO STDOUT (FORMAT csv)", out);
                return count + " " + out.toString().replace("\n", ";");
            });
            ask("several statements", () -> {
                try (Statement statement = connection.createStatement()) {
                    statement.execute("SELECT 1; SELECT 2, 3; SELECT 4");
                    List<String> seen = new ArrayList<>();
                    do {
                        seen.addAll(all(statement.getResultSet()));
                    } while (statement.getMoreResults());
                    return seen;
                }
            });
            ask("simple protocol", () -> {
                try (Connection simple = connect("preferQueryMode", "simple");
                    PreparedStatement statement = simple.prepareStatement("SELECT name FROM museum.rooms WHERE id = ?")) {
                    statement.setInt(1, 4);
                    return all(statement.executeQuery());
                }
            });
            ask("syntax error", () -> connection.createStatement().executeQuery("SELECT 1 FROM WHERE"));
            ask("cancelled", () -> {
                try (Statement statement = connection.createStatement()) {
                    statement.setQueryTimeout(1);
                    return statement.executeQuery("SELECT pg_sleep(20)");
                }
            });
            ask("after it", () -> all(connection.createStatement().executeQuery("SELECT 'goes on'")));
            ask("schema", () -> connection.getSchema());
        }
    }

    /** What differs through Glovebox: masked values, and refusals. */
    static void writing() throws Exception {
        try (Connection connection = connect("reWriteBatchedInserts", "true")) {
            ask("batch", () -> {
                try (PreparedStatement statement = connection.prepareStatement(
                    "INSERT INTO orders (id, customer_id, status, item, quantity, total, placed_at) VALUES (?, 1, 'placed', ?, 1, ?, now())")) {
                    for (int n = 0; n < 300; n++) {
                        statement.setLong(1, 7_000_000 + n);
                        statement.setString(2, "by JDBC " + n);
                        statement.setBigDecimal(3, new BigDecimal("2.50"));
                        statement.addBatch();
                    }
                    return statement.executeBatch().length;
                }
            });
            ask("keys", () -> {
                try (PreparedStatement statement = connection.prepareStatement(
                    "INSERT INTO museum.items (room, title) VALUES (1, 'new')", Statement.RETURN_GENERATED_KEYS)) {
                    statement.executeUpdate();
                    return all(statement.getGeneratedKeys()).size();
                }
            });
            ask("copy", () -> new CopyManager(connection.unwrap(org.postgresql.core.BaseConnection.class)).copyIn(
                "COPY orders (id, customer_id, status, item, quantity, total, placed_at) FROM STDIN",
                new StringReader("7001000\t1\tplaced\tby copy\t1\t2.5\t2024-01-01\n")));
            ask("violation", () -> connection.createStatement().executeUpdate(
                "UPDATE customers SET email = (SELECT email FROM customers WHERE id = 2) WHERE id = 3"));
            ask("masked", () -> {
                PreparedStatement statement = connection.prepareStatement("SELECT id, email, date_of_birth, card FROM customers WHERE id = ?");
                Set<String> seen = new TreeSet<>();
                try (statement) {
                    for (int n = 0; n < 8; n++) {
                        statement.setInt(1, 5);
                        seen.addAll(all(statement.executeQuery()));
                    }
                }
                return seen;
            });
            ask("refused", () -> connection.createStatement().execute("CREATE TABLE mine (id int)"));
            ask("large object", () -> {
                connection.setAutoCommit(false);
                try {
                    return connection.unwrap(PGConnection.class).getLargeObjectAPI().createLO();
                } finally {
                    connection.rollback();
                    connection.setAutoCommit(true);
                }
            });
            ask("after it", () -> all(connection.createStatement().executeQuery("SELECT 'goes on'")));
            ask("notification", () -> {
                try (Connection other = connect(); Statement listening = other.createStatement();
                    Statement telling = connection.createStatement()) {
                    listening.execute("LISTEN museum");
                    telling.execute("NOTIFY museum, 'write to someone@example.com'");
                    return other.unwrap(PGConnection.class).getNotifications(10_000)[0].getParameter();
                }
            });
        }
    }
}
