// Package price says what models' tokens cost: exact amounts of money, and a
// table of prices per model that is read from a file and may change at any
// time.
package price

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Money is an amount in billionths of a currency: exact, unlike fractions, and
// the same in whatever order amounts are added. It holds nine billion units of
// the currency; sums beyond that stay there.
type Money int64

// Unit is one of the currency, such as a dollar.
const Unit Money = 1e9

// Plus gives the sum.
func (m Money) Plus(o Money) Money {
	sum := m + o
	switch {
	case m > 0 && o > 0 && sum < 0:
		return math.MaxInt64
	case m < 0 && o < 0 && sum >= 0:
		return math.MinInt64
	}
	return sum
}

// String gives the amount as a decimal number without final zeros, such as
// 0.00125.
func (m Money) String() string {
	sign, n := "", uint64(m)
	if m < 0 {
		sign, n = "-", -n
	}
	whole, part := n/uint64(Unit), n%uint64(Unit)
	s := sign + strconv.FormatUint(whole, 10)
	if part == 0 {
		return s
	}
	return s + "." + strings.TrimRight(fmt.Sprintf("%09d", part), "0")
}

// MarshalJSON gives the amount as a number, with all its digits.
func (m Money) MarshalJSON() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalJSON reads a number with at most nine decimal places.
func (m *Money) UnmarshalJSON(b []byte) error {
	n, err := decimal(json.Number(b), 9)
	if err != nil {
		return err
	}
	*m = Money(n)
	return nil
}

// decimal gives a JSON number times 10 to the power of places, exactly.
func decimal(n json.Number, places int) (int64, error) {
	text := strings.ToLower(string(n))
	mantissa, power, scaled := strings.Cut(text, "e")
	if scaled {
		e, err := strconv.Atoi(power)
		if err != nil || e < -30 || e > 30 {
			return 0, fmt.Errorf("%.40q is out of range", n)
		}
		places += e
	}
	whole, part, _ := strings.Cut(mantissa, ".")
	part = strings.TrimRight(part, "0")
	digits := whole + part
	places -= len(part)
	if strings.Trim(digits, "-") == "" {
		return 0, fmt.Errorf("%.40q is no number", n)
	}
	if strings.Trim(digits, "-0") == "" {
		return 0, nil
	}
	for ; places < 0 && strings.HasSuffix(digits, "0"); places++ {
		digits = digits[:len(digits)-1]
	}
	if places < 0 {
		return 0, fmt.Errorf("%.40q has more decimal places than are kept", n)
	}
	v, err := strconv.ParseInt(digits+strings.Repeat("0", places), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%.40q is no number, or too large", n)
	}
	return v, nil
}
