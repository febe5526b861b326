package de.bwaldvogel.mongo.backend.aggregation.stage;

import de.bwaldvogel.mongo.backend.Missing;
import de.bwaldvogel.mongo.backend.ValueComparator;
import de.bwaldvogel.mongo.backend.aggregation.Expression;
import de.bwaldvogel.mongo.backend.aggregation.accumulator.Accumulator;
import de.bwaldvogel.mongo.bson.Document;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * Takes the place of the test server's own $group, which evaluates the fields of a compound _id
 * twice: a text such as "$name" in the data, being the value of a group, is then taken for the name
 * of a field.
 */
public class GroupStage implements AggregationStage {
    private static final String ID = "_id";

    private final Object id;
    private final Map<String, Supplier<Accumulator>> accumulators;

    public GroupStage(Document specification) {
        id = specification.get(ID);
        accumulators = Accumulator.parse(specification);
    }

    @Override
    public String name() {
        return "$group";
    }

    @Override
    public Stream<Document> apply(Stream<Document> documents) {
        Map<Object, List<Accumulator>> groups =
                new TreeMap<>(ValueComparator.ascWithoutListHandling());
        documents.forEach(document -> {
            List<Accumulator> group = groups.computeIfAbsent(idOf(document), key -> newGroup());
            for (Accumulator accumulator : group) {
                accumulator.aggregate(valueOf(accumulator.getExpression(), document));
            }
        });
        List<Document> results = new ArrayList<>();
        groups.forEach((key, group) -> {
            Document result = new Document(ID, key);
            for (Accumulator accumulator : group) {
                result.append(accumulator.getField(), accumulator.getResult());
            }
            results.add(result);
        });
        return results.stream();
    }

    private List<Accumulator> newGroup() {
        List<Accumulator> group = new ArrayList<>();
        accumulators.values().forEach(accumulator -> group.add(accumulator.get()));
        return group;
    }

    private Object idOf(Document document) {
        if (!(id instanceof Document parts) || parts.keySet().stream().anyMatch(k -> k.startsWith("$"))) {
            return valueOf(id, document);
        }
        Document key = new Document();
        parts.forEach((name, expression) -> {
            Object value = Expression.evaluateDocument(expression, document);
            if (!(value instanceof Missing)) {
                key.put(name, value);
            }
        });
        return key;
    }

    private static Object valueOf(Object expression, Document document) {
        Object value = Expression.evaluateDocument(expression, document);
        return value instanceof Missing ? null : value;
    }
}
