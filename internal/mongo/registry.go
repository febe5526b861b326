package mongo

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// registry teaches the driver how this store keeps JSON and times: JSON as
// the text that was sent, because the order of keys and the spelling of
// numbers matter to models, and the zero time as null.
func registry() *bson.Registry {
	r := bson.NewRegistry()
	raw := reflect.TypeFor[json.RawMessage]()
	r.RegisterTypeEncoder(raw, bson.ValueEncoderFunc(encodeJSON))
	r.RegisterTypeDecoder(raw, bson.ValueDecoderFunc(decodeJSON))
	at := reflect.TypeFor[time.Time]()
	r.RegisterTypeEncoder(at, bson.ValueEncoderFunc(encodeTime))
	r.RegisterTypeDecoder(at, bson.ValueDecoderFunc(decodeTime))
	return r
}

func encodeJSON(_ bson.EncodeContext, w bson.ValueWriter, v reflect.Value) error {
	if v.Len() == 0 {
		return w.WriteNull()
	}
	return w.WriteString(string(v.Bytes()))
}

func decodeJSON(_ bson.DecodeContext, r bson.ValueReader, v reflect.Value) error {
	switch r.Type() {
	case bson.TypeString:
		text, err := r.ReadString()
		if err != nil {
			return err
		}
		if !json.Valid([]byte(text)) {
			return fmt.Errorf("a text of %d bytes that is not JSON", len(text))
		}
		v.SetBytes([]byte(text))
		return nil
	case bson.TypeNull:
		v.SetZero()
		return r.ReadNull()
	}
	return fmt.Errorf("JSON is kept as a string, not as %s", r.Type())
}

func encodeTime(_ bson.EncodeContext, w bson.ValueWriter, v reflect.Value) error {
	at := v.Interface().(time.Time)
	if at.IsZero() {
		return w.WriteNull()
	}
	return w.WriteDateTime(at.UnixMilli())
}

func decodeTime(_ bson.DecodeContext, r bson.ValueReader, v reflect.Value) error {
	var at time.Time
	switch r.Type() {
	case bson.TypeDateTime:
		ms, err := r.ReadDateTime()
		if err != nil {
			return err
		}
		at = time.UnixMilli(ms).UTC()
	case bson.TypeNull:
		if err := r.ReadNull(); err != nil {
			return err
		}
	default:
		return fmt.Errorf("a time is kept as a date, not as %s", r.Type())
	}
	v.Set(reflect.ValueOf(at))
	return nil
}

// metadata is kept as a list of pairs, because its keys may hold what field
// names may not: dots, a dollar sign in front, nothing. Read, it may be a
// document too, as somebody would write it by hand.
type metadata map[string]string

type pair struct {
	Key   string `bson:"k"`
	Value string `bson:"v"`
}

// MarshalBSONValue is called by the driver.
func (m metadata) MarshalBSONValue() (byte, []byte, error) {
	if m == nil {
		return byte(bson.TypeNull), nil, nil
	}
	pairs := make([]pair, 0, len(m))
	for k, v := range m {
		pairs = append(pairs, pair{k, v})
	}
	t, data, err := bson.MarshalValue(pairs)
	return byte(t), data, err
}

// UnmarshalBSONValue is called by the driver.
func (m *metadata) UnmarshalBSONValue(t byte, data []byte) error {
	switch bson.Type(t) {
	case bson.TypeNull:
		*m = nil
		return nil
	case bson.TypeEmbeddedDocument:
		return bson.UnmarshalValue(bson.Type(t), data, (*map[string]string)(m))
	}
	var pairs []pair
	if err := bson.UnmarshalValue(bson.Type(t), data, &pairs); err != nil {
		return err
	}
	*m = make(metadata, len(pairs))
	for _, p := range pairs {
		(*m)[p.Key] = p.Value
	}
	return nil
}
