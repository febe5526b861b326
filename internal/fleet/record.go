package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/monitor"
)

// format is raised when older nodes would misread a record.
const format = 1

// record is what one start of a node publishes.
type record struct {
	Format   int              `json:"format"`
	Name     string           `json:"name"`
	Version  string           `json:"version"`
	Started  time.Time        `json:"started"`
	Gauges   Gauges           `json:"gauges"`
	Day      deja.DayShare    `json:"day"` // of the present day: who finds this node lost saves it
	Snapshot monitor.Snapshot `json:"snapshot"`
}

// maxRecord bounds what is unpacked: some times what a busy node comes to.
const maxRecord = 32 << 20

var errRecord = errors.New("fleet: a record cannot be read")

func (r *record) encode() (string, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	return string(s2.Encode(nil, b)), nil
}

func decode(packed string) (*record, error) {
	n, err := s2.DecodedLen([]byte(packed))
	if err != nil || n > maxRecord {
		return nil, fmt.Errorf("%w: %d bytes, %w", errRecord, n, err)
	}
	b, err := s2.Decode(nil, []byte(packed))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRecord, err)
	}
	r := new(record)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%w: %w", errRecord, err)
	}
	if r.Format != format {
		return nil, fmt.Errorf("%w: its format is %d, this version knows %d", errRecord, r.Format, format)
	}
	return r, nil
}

// state of a start.
type state string

const (
	stateLive  state = "live"
	stateEnded state = "ended" // in order: nothing will follow
)

// mark is the field at:<start>.
type mark struct {
	raw   string
	seq   int64
	seen  time.Time // by Redis's clock
	state state
}

func parseMark(raw string) (mark, error) {
	parts := strings.Split(raw, " ")
	if len(parts) != 3 {
		return mark{}, errRecord
	}
	seq, err := strconv.ParseInt(parts[0], 10, 64)
	ms, e := strconv.ParseInt(parts[1], 10, 64)
	if err := errors.Join(err, e); err != nil {
		return mark{}, fmt.Errorf("%w: %w", errRecord, err)
	}
	return mark{raw: raw, seq: seq, seen: time.UnixMilli(ms), state: state(parts[2])}, nil
}

// settle takes out of a record what is true of a node only while it lives, and
// what no window shows any more.
func settle(s monitor.Snapshot, now time.Time) monitor.Snapshot {
	s.Layers = slices.Clone(s.Layers)
	for i := range s.Layers {
		s.Layers[i].MemoryItems, s.Layers[i].MemoryBytes = 0, 0
	}
	history := make([]monitor.Series, 0, len(s.History))
	for _, series := range s.History {
		kept := monitor.Series{Window: series.Window}
		for _, w := range monitor.Windows() {
			if w.Name != series.Window {
				continue
			}
			oldest := now.Add(-w.Step * time.Duration(w.Steps+1)).Unix()
			for _, p := range series.Points {
				if p.At >= oldest {
					kept.Points = append(kept.Points, p)
				}
			}
		}
		history = append(history, kept)
	}
	s.History = history
	return s
}
