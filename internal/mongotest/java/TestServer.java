import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.exception.MongoServerError;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.io.IOException;
import java.util.List;

/**
 * A MongoDB server in memory for the tests of one process. It prints "port N" when it listens on
 * that port of the loopback interface, and ends when its standard input does: with the process
 * that started it, however that one ends.
 *
 * <p>The classes in fixes stand before the server's own in the class path, where those differ from
 * MongoDB in what our tests look at.
 */
final class TestServer {
    /** MongoDB 4.4, the oldest that the Go driver talks to. */
    private static final class Version implements MongoVersion {
        @Override
        public List<Integer> getVersionArray() {
            return List.of(4, 4, 0);
        }

        @Override
        public int getWireVersion() {
            return 9;
        }
    }

    /**
     * The backend in memory, one command at a time, with answers that share nothing with the
     * stored documents. By itself it encodes an answer while the next command changes the very
     * same document, so that a reader sees half of an update, which MongoDB never shows.
     */
    private static final class Backend extends MemoryBackend {
        @Override
        public Document handleMessage(MongoMessage message) {
            if (message.getDatabaseName().endsWith(STANDALONE) && asksForChanges(message.getDocument())) {
                throw new MongoServerError(40573, "Location40573",
                        "The $changeStream stage is only supported on replica sets");
            }
            synchronized (this) {
                return super.handleMessage(message).cloneDeeply();
            }
        }
    }

    /** Databases of this kind behave like those of a server without replication. */
    private static final String STANDALONE = "_standalone";

    private static boolean asksForChanges(Document command) {
        return command.get("pipeline") instanceof List<?> pipeline
                && !pipeline.isEmpty()
                && pipeline.get(0) instanceof Document stage
                && stage.containsKey("$changeStream");
    }

    public static void main(String[] args) throws IOException {
        MemoryBackend backend = new Backend();
        backend.version(new Version());
        MongoServer server = new MongoServer(backend);
        server.enableOplog();
        server.bind("127.0.0.1", 0);
        System.out.println("port " + server.getLocalAddress().getPort());
        System.out.flush();
        while (System.in.read() >= 0) {
            // Nothing is sent; only the end of the input matters.
        }
        Runtime.getRuntime().halt(0);
    }
}
