package measure

import (
	"encoding/json"
	"fmt"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"github.com/dejahq/deja/bench/rivals"
)

// JSON measures encodings of values, for the choice of the default codec.
func JSON(o Options) (Section, error) {
	s := Section{
		Title: "Encoding",
		How: "Answers of a model, conversations and schemas as deja caches them, made of public texts and tables; processor time for one value. " +
			"deja's default is encoding/json. encoding/json/v2 is measured by the module of the same code: the package itself is there only for programs that are built with GOEXPERIMENT=jsonv2, which a library can't ask for, " +
			"and refuses values that the old one takes, a time.Duration among them, unless told how (as it is here); so it stays a codec that one may bring along (cache.Codec has two methods).",
		Rivals: []rivals.Rival{{Name: "encoding/json"}, {Name: "encoding/json/v2"}},
	}
	kinds, err := realDocuments(o.Data)
	if err != nil {
		return s, err
	}
	durations := jsonv1.FormatDurationAsNano(true)
	type codec struct {
		encode func(any) ([]byte, error)
		decode func([]byte, any) error
	}
	codecs := []codec{
		{json.Marshal, json.Unmarshal},
		{
			func(v any) ([]byte, error) { return jsonv2.Marshal(v, durations) },
			func(b []byte, v any) error { return jsonv2.Unmarshal(b, v, durations) },
		},
	}
	for _, k := range kinds {
		encode := newRow("encode "+k.kind, Lower, plain(" us"))
		decode := newRow("decode "+k.kind, Lower, plain(" us"))
		for range o.Rounds {
			for i, c := range codecs {
				var encoded [][]byte
				for _, v := range k.values {
					b, err := c.encode(v)
					if err != nil {
						return s, err
					}
					encoded = append(encoded, b)
				}
				name := s.Rivals[i].Name
				encode.keep(name, each(o.Length/8, len(k.values), func(i int) { _, _ = c.encode(k.values[i]) }))
				decode.keep(name, each(o.Length/8, len(encoded), func(i int) { _ = c.decode(encoded[i], k.fresh()) }))
			}
		}
		s.Rows = append(s.Rows, encode, decode)
	}
	return s, nil
}

const (
	// packedFrom is the size from which deja packs values by default.
	packedFrom = 4 << 10
	// With so many of them in one, most conversations and schemas reach it.
	joinedDialogues, joinedTables = 4, 8
)

// Compression measures packers of encoded values, for the choice of the one
// that deja uses.
func Compression(o Options) (Section, error) {
	s := Section{
		Title: "Compression",
		How: "JSON of the size that deja packs by default, 4 KB and more: conversations of four dialogues and schemas of eight tables, of the same texts and tables; processor time for one value, and what is left of its size. " +
			"deja packs with s2: on the way of a request the time to unpack counts for each reader, and the bytes that zstd saves beyond s2 are worth less than the time that it takes.",
		Rivals: []rivals.Rival{{Name: "s2"}, {Name: "zstd fastest"}, {Name: "zstd default"}},
	}
	kinds, err := joinedDocuments(o.Data, joinedDialogues, joinedTables)
	if err != nil {
		return s, err
	}
	type packer struct{ pack, unpack func([]byte) []byte }
	packers := []packer{{
		func(b []byte) []byte { return s2.Encode(nil, b) },
		func(b []byte) []byte { b, _ = s2.Decode(nil, b); return b },
	}}
	reader, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return s, err
	}
	defer reader.Close()
	for _, level := range []zstd.EncoderLevel{zstd.SpeedFastest, zstd.SpeedDefault} {
		writer, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1))
		if err != nil {
			return s, err
		}
		defer writer.Close()
		packers = append(packers, packer{
			func(b []byte) []byte { return writer.EncodeAll(b, nil) },
			func(b []byte) []byte { b, _ = reader.DecodeAll(b, nil); return b },
		})
	}
	for _, k := range kinds {
		var plainValues [][]byte
		total := 0
		for _, v := range k.values {
			b, err := json.Marshal(v)
			if err != nil {
				return s, err
			}
			if len(b) >= packedFrom {
				plainValues, total = append(plainValues, b), total+len(b)
			}
		}
		if len(plainValues) == 0 {
			continue
		}
		kind := fmt.Sprintf("%ss of %.1f KB", k.kind, float64(total)/float64(len(plainValues))/1024)
		left := newRow("left of "+kind, Lower, percent)
		pack := newRow("pack "+k.kind, Lower, plain(" us"))
		unpack := newRow("unpack "+k.kind, Lower, plain(" us"))
		for range o.Rounds {
			for i, p := range packers {
				name := s.Rivals[i].Name
				var packed [][]byte
				size := 0
				for _, b := range plainValues {
					packed = append(packed, p.pack(b))
					size += len(packed[len(packed)-1])
				}
				left.keep(name, float64(size)/float64(total))
				pack.keep(name, each(o.Length/8, len(plainValues), func(i int) { p.pack(plainValues[i]) }))
				unpack.keep(name, each(o.Length/8, len(packed), func(i int) { p.unpack(packed[i]) }))
			}
		}
		s.Rows = append(s.Rows, left, pack, unpack)
	}
	return s, nil
}

// each gives the processor time, in microseconds, that f takes for one of n
// values.
func each(length time.Duration, n int, f func(i int)) float64 {
	var calls int
	before, began := processorTime(), time.Now()
	for time.Since(began) < length || calls == 0 {
		for i := range n {
			f(i)
		}
		calls += n
	}
	return float64((processorTime() - before).Nanoseconds()) / float64(calls) / 1e3
}
