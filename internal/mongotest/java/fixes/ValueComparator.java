package de.bwaldvogel.mongo.backend;

import de.bwaldvogel.mongo.bson.BinData;
import de.bwaldvogel.mongo.bson.BsonRegularExpression;
import de.bwaldvogel.mongo.bson.BsonTimestamp;
import de.bwaldvogel.mongo.bson.Decimal128;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.bson.LegacyUUID;
import de.bwaldvogel.mongo.bson.MaxKey;
import de.bwaldvogel.mongo.bson.MinKey;
import de.bwaldvogel.mongo.bson.ObjectId;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.Collection;
import java.util.Comparator;
import java.util.Iterator;
import java.util.Map;
import java.util.UUID;

/**
 * Takes the place of the test server's own order of values, which differs from MongoDB's in two
 * ways that queries show: it compares strings by UTF-16 units where MongoDB compares bytes of
 * UTF-8, and drops the fraction of a number that it compares with a large integer.
 */
public class ValueComparator implements Comparator<Object> {
    private static final ValueComparator ASCENDING = new ValueComparator(false, true);
    private static final ValueComparator DESCENDING = new ValueComparator(true, true);
    private static final ValueComparator WHOLE_LISTS = new ValueComparator(false, false);

    private final boolean descending;
    private final boolean oneForList; // a list stands for its smallest element, or its largest

    private ValueComparator(boolean descending, boolean oneForList) {
        this.descending = descending;
        this.oneForList = oneForList;
    }

    public static ValueComparator asc() {
        return ASCENDING;
    }

    public static ValueComparator desc() {
        return DESCENDING;
    }

    public static ValueComparator ascWithoutListHandling() {
        return WHOLE_LISTS;
    }

    @Override
    public ValueComparator reversed() {
        return descending ? ASCENDING : DESCENDING;
    }

    @Override
    public int compare(Object a, Object b) {
        int order = oneForList ? order(oneOf(a), oneOf(b)) : order(a, b);
        return descending ? -order : order;
    }

    static int compareTypes(Object a, Object b) {
        return Integer.compare(rank(a), rank(b));
    }

    private Object oneOf(Object value) {
        if (!(value instanceof Collection<?> list)) {
            return value;
        }
        Comparator<Object> order = ValueComparator::order;
        return list.stream()
                .map(element -> (Object) element)
                .reduce((a, b) -> order.compare(a, b) > 0 == descending ? a : b)
                .orElse(null);
    }

    /** The place of a value's type in MongoDB's order of types. */
    private static int rank(Object value) {
        if (value instanceof MinKey) return 0;
        if (Missing.isNullOrMissing(value)) return 1;
        if (value instanceof Number) return 2;
        if (value instanceof String) return 3;
        if (value instanceof Document) return 4;
        if (value instanceof Collection) return 5;
        if (value instanceof BinData || value instanceof UUID || value instanceof LegacyUUID) return 6;
        if (value instanceof ObjectId) return 7;
        if (value instanceof Boolean) return 8;
        if (value instanceof Instant) return 9;
        if (value instanceof BsonTimestamp) return 10;
        if (value instanceof BsonRegularExpression) return 11;
        if (value instanceof MaxKey) return 12;
        throw new UnsupportedOperationException("no order for " + value.getClass());
    }

    private static int order(Object a, Object b) {
        int rank = rank(a);
        if (rank != rank(b)) {
            return Integer.compare(rank, rank(b));
        }
        switch (rank) {
            case 0, 1, 12:
                return 0;
            case 2:
                return orderOfNumbers((Number) a, (Number) b);
            case 3:
                return orderOfStrings((String) a, (String) b);
            case 4:
                return orderOfDocuments((Document) a, (Document) b);
            case 5:
                return orderOfLists((Collection<?>) a, (Collection<?>) b);
            default:
                if (a.getClass() == b.getClass() && a instanceof Comparable<?>) {
                    @SuppressWarnings("unchecked")
                    Comparable<Object> comparable = (Comparable<Object>) a;
                    return comparable.compareTo(b);
                }
                return a.toString().compareTo(b.toString());
        }
    }

    private static int orderOfNumbers(Number a, Number b) {
        boolean finite = Double.isFinite(a.doubleValue()) && Double.isFinite(b.doubleValue());
        if (finite) {
            return exact(a).compareTo(exact(b));
        }
        boolean aIsNaN = Double.isNaN(a.doubleValue());
        if (aIsNaN || Double.isNaN(b.doubleValue())) { // below all numbers
            return Boolean.compare(Double.isNaN(b.doubleValue()), aIsNaN);
        }
        return Double.compare(a.doubleValue(), b.doubleValue());
    }

    private static BigDecimal exact(Number n) {
        if (n instanceof Decimal128 decimal) {
            return decimal.toBigDecimal();
        }
        if (n instanceof Double || n instanceof Float) {
            return new BigDecimal(n.doubleValue());
        }
        return BigDecimal.valueOf(n.longValue());
    }

    /** The order of code points is the order of UTF-8. */
    private static int orderOfStrings(String a, String b) {
        Iterator<Integer> as = a.codePoints().iterator();
        Iterator<Integer> bs = b.codePoints().iterator();
        while (as.hasNext() && bs.hasNext()) {
            int order = Integer.compare(as.next(), bs.next());
            if (order != 0) {
                return order;
            }
        }
        return Boolean.compare(as.hasNext(), bs.hasNext());
    }

    private static int orderOfDocuments(Document a, Document b) {
        Iterator<Map.Entry<String, Object>> as = a.entrySet().iterator();
        Iterator<Map.Entry<String, Object>> bs = b.entrySet().iterator();
        while (as.hasNext() && bs.hasNext()) {
            Map.Entry<String, Object> x = as.next();
            Map.Entry<String, Object> y = bs.next();
            int order = compareTypes(x.getValue(), y.getValue());
            if (order == 0) {
                order = orderOfStrings(x.getKey(), y.getKey());
            }
            if (order == 0) {
                order = order(x.getValue(), y.getValue());
            }
            if (order != 0) {
                return order;
            }
        }
        return Boolean.compare(as.hasNext(), bs.hasNext());
    }

    private static int orderOfLists(Collection<?> a, Collection<?> b) {
        Iterator<?> as = a.iterator();
        Iterator<?> bs = b.iterator();
        while (as.hasNext() && bs.hasNext()) {
            int order = order(as.next(), bs.next());
            if (order != 0) {
                return order;
            }
        }
        return Boolean.compare(as.hasNext(), bs.hasNext());
    }
}
