package cache

import (
	"bytes"
	"context"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestEntryRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := entry{
			flags:   rapid.SampledFrom([]byte{0, flagNegative, flagS2}).Draw(t, "flags"),
			layer:   rapid.Uint16().Draw(t, "layer"),
			version: rapid.Int64Min(0).Draw(t, "version"),
			created: rapid.Int64Range(0, 1<<42).Draw(t, "created"),
			fresh:   rapid.Uint32Max(1<<30).Draw(t, "fresh"),
			delta:   rapid.Uint32().Draw(t, "delta"),
			cost:    rapid.Int64().Draw(t, "cost"),
			tokens:  bytes.Repeat([]byte{7}, 8*rapid.IntRange(0, maxGroups+1).Draw(t, "tokens")),
			value:   rapid.SliceOf(rapid.Byte()).Draw(t, "value"),
		}
		in.dead = in.fresh + rapid.Uint32Max(1<<30).Draw(t, "stale")
		b := in.appendTo(nil)
		out, ok := parseEntry(b)
		if !ok {
			t.Fatal("not read")
		}
		if d := cmp.Diff(in, out, cmp.AllowUnexported(entry{}), cmp.Comparer(bytes.Equal)); d != "" {
			t.Fatal(d)
		}
		// Any single damaged byte is noticed.
		i := rapid.IntRange(0, len(b)-1).Draw(t, "damaged")
		b[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, ok := parseEntry(b); ok {
			t.Fatalf("damage at byte %d of %d went unnoticed", i, len(b))
		}
	})
}

func testLayer(t testing.TB) *layer {
	t.Helper()
	e, err := Open(context.Background(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	l, err := NewLayer(e, LayerOptions[string]{Name: "thing", Version: 3, TTL: time.Hour, StaleFor: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return l.layer
}

func TestSealAndUnseal(t *testing.T) {
	t.Parallel()
	l := testLayer(t)
	gens := []*generation{{name: groupAll, token: 1}, {name: "g", token: 2}}
	for _, value := range []string{"", "short", strings.Repeat("compressible ", 10_000)} {
		it := l.newItem(Fill{Version: 7, Cost: 5}, false, time.Second, gens)
		encoded, _ := l.encode(value)
		b, ttl, ok := l.seal(it, encoded, l.engine.now())
		if !ok || ttl <= 0 || ttl > time.Hour+time.Minute {
			t.Fatal(ok, ttl)
		}
		if len(value) > 100_000 && len(b) > len(value)/4 {
			t.Fatalf("%d bytes of %d: not compressed", len(b), len(value))
		}
		out, ok := l.unseal(b, gens)
		if !ok || out.value != value || out.version != 7 || out.cost != 5 || out.delta != int64(time.Second) || out.mark != it.mark {
			t.Fatalf("%v %+v", ok, out)
		}
		other := []*generation{gens[0], {name: "g", token: 3}}
		if _, ok := l.unseal(b, other); ok {
			t.Fatal("served across generations")
		}
		if _, ok := l.unseal(b, gens[:1]); ok {
			t.Fatal("served without its group")
		}
		l.version++
		if _, ok := l.unseal(b, gens); ok {
			t.Fatal("served to another version of the layer")
		}
	}
	it := l.newItem(Fill{}, false, 0, []*generation{{name: groupAll}})
	if _, _, ok := l.seal(it, nil, l.engine.now()); ok {
		t.Fatal("sealed with a generation that Redis doesn't know")
	}
}

// What claims to unpack to more than a value may be costs nothing.
func TestCompressionBomb(t *testing.T) {
	t.Parallel()
	bomb := binary.AppendUvarint(nil, 1<<31)
	if _, ok := unpack(&entry{flags: flagS2, value: append(bomb, 1, 2, 3)}); ok {
		t.Fatal("unpacked")
	}
}

func FuzzParseEntry(f *testing.F) {
	f.Add([]byte("DJ\x01"))
	f.Add((&entry{tokens: make([]byte, 16), value: []byte(`"x"`)}).appendTo(nil))
	f.Add((&entry{flags: flagS2, value: []byte("\x05\x10hello")}).appendTo(nil))
	l := testLayer(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		// With a sum that fits, so that the fuzzer gets past it.
		if len(b) >= headerFixed {
			b = bytes.Clone(b)
			binary.BigEndian.PutUint32(b[headerCRC:], checksum(b))
		}
		en, ok := parseEntry(b)
		if !ok {
			return
		}
		if !bytes.Equal(en.appendTo(nil), b) {
			t.Fatal("reads what it would not write")
		}
		gens := make([]*generation, len(en.tokens)/8)
		for i := range gens {
			gens[i] = &generation{token: token(binary.BigEndian.Uint64(en.tokens[8*i:]))}
		}
		l.version = en.layer
		if it, ok := l.unseal(b, gens); ok && (it.fresh > it.dead || it.version < 0) {
			t.Fatalf("%+v", it)
		}
	})
}

func FuzzChangedKeys(f *testing.F) {
	for _, s := range []string{"thing:a", "{thing:a}:lease", "{thing:a}:floor", "gen:@all", "gen:g", "{", "{}:lease", "other", "p:{p:thing:a}:lease"} {
		f.Add(s)
	}
	l := testLayer(f)
	f.Fuzz(func(t *testing.T, key string) {
		w := watch{key: memKey{l, "a"}, holding: true}
		l.engine.watch(&w)
		defer l.engine.unwatch(&w)
		l.engine.changed(key)
		if want := key == "thing:a" || key == "{thing:a}:lease"; l.engine.voided(&w) != want {
			t.Fatalf("%q: voided %v", key, !want)
		}
	})
}
