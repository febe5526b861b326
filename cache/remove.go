package cache

// remove takes out what is cached under a key, when a load has found that the
// source has something else which is not to be stored: else the entry would be
// served, and asked for, again and again. As a fill it needs the lease, so that
// what is newer than the load stays. Other nodes hear of it by push.
func (l *layer) remove(w *watch, g *grant) {
	if !g.fill {
		return
	}
	e := l.engine
	removed := false
	if g.nonce != 0 && !g.away && (g.seen != 0 || g.force) { // else there was nothing, and nobody else may fill
		var err error
		if removed, err = e.remote.remove(e.remote.soft.context(), l.key(w.key.id), g.nonce); err != nil {
			l.stats.redisErrors.Add(1)
		} else if g.keeper != nil {
			g.keeper.spent()
		}
	}
	e.letGo(w, removed)
}

// letGo removes what memory has under the watch's key. removed says that
// Redis has it no more; then whatever else is under way for the key is void, as
// in publish. Otherwise what came since the watch was set stays.
func (m *memory) letGo(w *watch, removed bool) {
	s := m.shard(w.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !removed && (w.void || w.epoch != m.epoch.Load() || !w.based()) {
		return
	}
	for o := s.watches[w.key]; removed && o != nil; o = o.next {
		if o != w {
			o.void = true
			o.tell()
		}
	}
	m.items.Invalidate(w.key)
}
