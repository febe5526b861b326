package de.bwaldvogel.mongo.backend.aggregation.accumulator;

import java.math.BigInteger;

/**
 * Takes the place of the test server's own $sum, which overflows in silence. As in MongoDB, a sum
 * of integers is an integer where it fits one of 64 bits, and a floating-point number elsewhere.
 */
public class SumAccumulator extends Accumulator {
    private static final int BITS = 63;

    private BigInteger whole = BigInteger.ZERO;
    private double fractions;
    private boolean hasFractions;
    private boolean hasLongs;

    public SumAccumulator(String field, Object expression) {
        super(field, expression);
    }

    @Override
    public void aggregate(Object value) {
        if (value instanceof Integer || value instanceof Long) {
            whole = whole.add(BigInteger.valueOf(((Number) value).longValue()));
            hasLongs |= value instanceof Long;
        } else if (value instanceof Number number) {
            fractions += number.doubleValue();
            hasFractions = true;
        }
    }

    @Override
    public Object getResult() {
        if (hasFractions || whole.bitLength() > BITS) {
            return whole.doubleValue() + fractions;
        }
        long sum = whole.longValue();
        if (hasLongs || sum != (int) sum) {
            return sum;
        }
        return (int) sum;
    }
}
