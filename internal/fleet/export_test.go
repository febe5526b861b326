package fleet

import "time"

// LostAfter sets how long a node has not been seen when others save its share
// of the day.
func (f *Fleet) LostAfter(d time.Duration) { f.lostAfter = d }

// Parse reads what Redis answers; it is for fuzzing.
func Parse(reply []string) error {
	_, err := parse(reply)
	return err
}

// Hang up without a word, as a process that is killed.
func (f *Fleet) Kill() { _ = f.conn.Close() }
