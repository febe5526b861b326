package cache

import (
	"context"

	"github.com/redis/rueidis"
)

// What is done with leases once they are granted, and how claims ask for
// them; see lease.go and live.go.
//
//nolint:gochecknoglobals // compiled tables
var (
	// claimScript is leaseScript for claims. Where somebody else has the
	// lease it says who {3, nonce}, and notes in the same step that he is
	// followed, so that he can't give up between this claim and the first
	// read of his stream. KEYS[4] is the note. ARGV[5]: its ms.
	claimScript = rueidis.NewLuaScript(valueOrLease + `
redis.call('SET', KEYS[4], '1', 'PX', ARGV[5])
return {3, get(KEYS[2])}
`)

	// supersedeScript takes a lease away from its holder: 1 when it did.
	// KEYS: lease. ARGV: the holder's nonce, the new one, ms.
	supersedeScript = rueidis.NewLuaScript(stringOf + `
if get(KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('EXISTS', KEYS[1])
return 1
`)

	// renewScript prolongs a lease: 1; 2 when the lease is lost and only what
	// the holder publishes goes on; 0 when that is lost as well. KEYS: lease,
	// maker. ARGV: nonce, ms.
	renewScript, renewBatch = newScripts(stringOf + `
local made = redis.call('PEXPIRE', KEYS[2], ARGV[2])
if get(KEYS[1]) ~= ARGV[1] then
  return 2 * made
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('EXISTS', KEYS[1])
return 1
`)

	// removeScript ends a lease and removes the entry: 1; 0 when the lease is
	// another's or gone, and the entry may be newer. KEYS: entry, lease. ARGV:
	// nonce.
	removeScript, removeBatch = newScripts(`
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[2])
redis.call('UNLINK', KEYS[1])
return 1
`)

	// releaseScript gives a lease back. KEYS: lease, maker. ARGV: nonce.
	releaseScript, releaseBatch = newScripts(stringOf + `
redis.call('DEL', KEYS[2])
if get(KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
`)

	// abandonScript is releaseScript unless somebody follows: then 0. KEYS:
	// lease, maker, the note that somebody follows. ARGV: nonce.
	abandonScript = rueidis.NewLuaScript(stringOf + `
if redis.call('EXISTS', KEYS[3]) == 1 then
  return 0
end
redis.call('DEL', KEYS[2])
if get(KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 1
`)
)

// standing of a lease.
type leaseState int64

const (
	leaseLost leaseState = iota
	leaseStands
	leaseVoid // but its holder still publishes
)

// claim is lease for who makes a value piece by piece. Of a lease that is
// held, it gives the holder.
func (r *remote) claim(ctx context.Context, key string, nonce token, seen uint32, force bool) (leaseReply, []byte, error) {
	m, err := r.scriptKeys(ctx, claimScript, []string{key, r.leaseKey(key), r.floorKey(key), r.followedKey(key)},
		append(r.leaseArgs(nonce, seen, force), millis(followedTTL))...)
	if err != nil {
		return 0, nil, err
	}
	return readLease(m)
}

// takeLease takes a lease away from its holder, and says whether it did.
func (r *remote) takeLease(ctx context.Context, key string, holder, nonce token) (bool, error) {
	n, err := r.count(ctx, supersedeScript, []string{r.leaseKey(key)}, holder.String(), nonce.String(), millis(r.engine.o.LeaseTTL))
	return n == 1, err
}

// renew prolongs a lease, and says whether it still stands.
func (r *remote) renew(ctx context.Context, key string, nonce token) (leaseState, error) {
	n, err := r.count(ctx, renewScript, []string{r.leaseKey(key), r.makerKey(key, nonce)}, nonce.String(), millis(r.engine.o.LeaseTTL))
	return leaseState(n), err
}

// remove removes an entry under a lease, and says whether that still stood.
func (r *remote) remove(ctx context.Context, key string, nonce token) (bool, error) {
	n, err := r.count(ctx, removeScript, []string{key, r.leaseKey(key)}, nonce.String())
	return n == 1, err
}

func (r *remote) release(ctx context.Context, key string, nonce token) error {
	_, err := r.count(ctx, releaseScript, []string{r.leaseKey(key), r.makerKey(key, nonce)}, nonce.String())
	return err
}

// abandon releases a lease that nobody follows, and says whether it did.
func (r *remote) abandon(ctx context.Context, key string, nonce token) (bool, error) {
	n, err := r.count(ctx, abandonScript, []string{r.leaseKey(key), r.makerKey(key, nonce), r.followedKey(key)}, nonce.String())
	return n == 1, err
}

// count runs a script that gives a number.
func (r *remote) count(ctx context.Context, s *rueidis.Lua, keys []string, args ...string) (int64, error) {
	m, err := r.scriptKeys(ctx, s, keys, args...)
	if err != nil {
		return 0, err
	}
	return m.AsInt64()
}
