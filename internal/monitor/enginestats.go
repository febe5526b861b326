package monitor

import (
	"reflect"
	"slices"
	"strings"

	"github.com/dejahq/deja/cache"
)

// mergeLayers adds the counters of another node's layers to those of the same
// name.
func mergeLayers(a, b []cache.LayerStats) []cache.LayerStats {
	sum := slices.Clone(a)
	for _, l := range b {
		i := slices.IndexFunc(sum, func(s cache.LayerStats) bool { return s.Name == l.Name })
		if i < 0 {
			sum = append(sum, l)
			continue
		}
		sum[i] = combine(sum[i], l, 1)
	}
	return sum
}

// layersSince gives what layers counted since an earlier look at them. What is
// in memory is no count, and stays as it is.
func layersSince(now, then []cache.LayerStats) []cache.LayerStats {
	since := slices.Clone(now)
	for i, l := range since {
		if j := slices.IndexFunc(then, func(s cache.LayerStats) bool { return s.Name == l.Name }); j >= 0 {
			since[i] = combine(l, then[j], -1)
		}
	}
	return since
}

// combine adds b's numbers to a's, or takes them off. It goes over the fields,
// whatever they are, so that a counter which the engine gains is not forgotten
// here.
func combine(a, b cache.LayerStats, sign int) cache.LayerStats {
	va, vb := reflect.ValueOf(&a).Elem(), reflect.ValueOf(b)
	for i := range va.NumField() {
		if sign < 0 && strings.HasPrefix(va.Type().Field(i).Name, "Memory") && va.Field(i).Kind() == reflect.Int64 {
			continue
		}
		fa, fb := va.Field(i), vb.Field(i)
		switch {
		case fa.Kind() == reflect.Int64:
			fa.SetInt(fa.Int() + int64(sign)*fb.Int())
		case fa.Kind() == reflect.Uint64 && sign > 0:
			fa.SetUint(fa.Uint() + fb.Uint())
		case fa.Kind() == reflect.Uint64:
			fa.SetUint(fa.Uint() - min(fa.Uint(), fb.Uint()))
		case fa.Type() == reflect.TypeFor[cache.Histogram]():
			h, o := fa.Interface().(cache.Histogram), fb.Interface().(cache.Histogram)
			if sign > 0 {
				h.Merge(o)
			} else {
				h = h.Since(o)
			}
			fa.Set(reflect.ValueOf(h))
		}
	}
	return a
}
