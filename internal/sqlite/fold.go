package sqlite

import (
	"bytes"
	"database/sql/driver"

	modernc "modernc.org/sqlite"

	"github.com/dejahq/deja"
)

// The SQL functions for text without regard to case. Their first argument is a
// column, the second a text that is folded already, as a blob.
const (
	containsFolded = "deja_contains"
	startsFolded   = "deja_starts"
	endsFolded     = "deja_ends"
)

func registerTextFunctions(d *modernc.Driver) error {
	for name, match := range map[string]func(text, part []byte) bool{
		containsFolded: bytes.Contains,
		startsFolded:   bytes.HasPrefix,
		endsFolded:     bytes.HasSuffix,
	} {
		err := d.RegisterFunction(name, &modernc.FunctionImpl{
			NArgs:         2,
			Deterministic: true,
			// Arguments are SQLite's own memory, so texts are not copied, and
			// are not cut at a NUL.
			VolatileArgs: true,
			Scalar: func(_ *modernc.FunctionContext, args []driver.Value) (driver.Value, error) {
				text, is := args[0].(string)
				if !is { // null matches nothing
					return int64(0), nil
				}
				part, _ := args[1].([]byte)
				var space [256]byte
				return match(deja.AppendFold(space[:0], text), part), nil
			},
		})
		if err != nil {
			return err
		}
	}
	return nil
}
