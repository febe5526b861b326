package layers

import (
	"strconv"
	"testing"
	"time"
)

func TestServerTiming(t *testing.T) {
	t.Parallel()
	var many []Span
	for i := range 40 {
		many = append(many, Span{Layer: "l" + strconv.Itoa(i), Elapsed: time.Millisecond})
	}
	for name, c := range map[string]struct {
		spans []Span
		want  string
	}{
		"nothing": {nil, ""},
		"one":     {[]Span{{Layer: "assistant_data", Source: "memory", Elapsed: 30 * time.Microsecond}}, `assistant_data;desc="memory";dur=0.03`},
		"several": {
			[]Span{
				{Layer: "schema", Source: "redis", Elapsed: 1500 * time.Microsecond},
				{Layer: "query_data", Elapsed: 2 * time.Millisecond},
				{Layer: "schema", Source: "memory", Elapsed: time.Microsecond},
				{Layer: "query_data", Elapsed: time.Second},
			},
			`schema;desc="redis";dur=1.5, query_data;dur=1002, schema;desc="memory";dur=0.001`,
		},
		"nothing unsafe": {[]Span{{Layer: "a b\r\n;", Source: "x\"\\\r\ny"}, {Layer: "\n"}}, `ab;desc="xy";dur=0`},
	} {
		if got := ServerTiming(c.spans); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if got := len(ServerTiming(many)); got > 16*16 {
		t.Errorf("%d bytes for many layers", got)
	}
}
