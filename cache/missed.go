package cache

import (
	"maps"
	"sync"
)

// missed are the invalidations that Redis has not heard yet. They are
// replayed when it is back, before anything in it is trusted again. Too many
// become one that clears everything, and so does one that Redis refuses: cost,
// never staleness.
type missed struct {
	mu     sync.Mutex
	keys   map[memKey]missedKey
	groups map[string]bool
}

type missedKey struct {
	version int64
	always  bool // drop whatever version is there
}

const maxMissed = 10_000

func (m *missed) addKey(key memKey, version int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.groups[groupAll] && version == 0 {
		return
	}
	if len(m.keys) >= maxMissed {
		m.overflow()
		return
	}
	if m.keys == nil {
		m.keys = make(map[memKey]missedKey)
	}
	k := m.keys[key]
	m.keys[key] = missedKey{version: max(k.version, version), always: k.always || version == 0}
}

func (m *missed) addGroup(group string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.groups) >= maxMissed {
		m.overflow()
		return
	}
	if m.groups == nil {
		m.groups = make(map[string]bool)
	}
	m.groups[group] = true
}

// overflow forgets the details. A clear replaces them but for the floors,
// which only guard against sources that lag.
func (m *missed) overflow() {
	m.keys = nil
	m.groups = map[string]bool{groupAll: true}
}

// take hands over what there is.
func (m *missed) take() (map[memKey]missedKey, map[string]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	keys, groups := m.keys, m.groups
	m.keys, m.groups = nil, nil
	return keys, groups
}

// giveBack returns what could not be replayed.
func (m *missed) giveBack(keys map[memKey]missedKey, groups map[string]bool) {
	for g := range maps.Keys(groups) {
		m.addGroup(g)
	}
	for k, v := range keys {
		m.addKey(k, v.version)
		if v.always {
			m.addKey(k, 0)
		}
	}
}

// ifEmpty runs f while nothing can be added, if there is nothing.
func (m *missed) ifEmpty(f func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.keys) > 0 || len(m.groups) > 0 {
		return false
	}
	f()
	return true
}
