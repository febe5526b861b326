package cache

import (
	"context"
	"crypto/sha1" //nolint:gosec // that is how Redis names scripts
	"encoding/hex"
	"time"

	"github.com/redis/rueidis"
)

// What batches ask of Redis. The commands of a batch go out together: as one
// MGET where one server has all keys, else as one pipeline per server; the
// client library sorts them. How long a batch takes counts once with the
// breaker, from when it is sent.
//
// A batch has to stay below the 2,000 commands from which the library would
// take another connection, on which nothing is pushed in order.

// reply is what came back for one of a batch. A missing value is nil.
type reply struct {
	value   []byte
	message rueidis.RedisMessage // of a script
	err     error
}

// unanswered says whether an error means that Redis, or one of its servers, is
// of no use now, rather than that it refused one command.
func unanswered(err error) bool {
	if refusal, ok := rueidis.IsRedisErr(err); ok {
		return unfit(refusal.Error())
	}
	return err != nil
}

// doMany sends commands together and judges them as one.
func (r *remote) doMany(ctx context.Context, c rueidis.Client, commands []rueidis.Completed) []rueidis.RedisResult {
	began := r.engine.now()
	replies := c.DoMulti(ctx, commands...)
	var worst error
	for i := range replies {
		err := replies[i].Error()
		if err == nil || rueidis.IsRedisNil(err) || noScript(err) || worst != nil && !unanswered(err) {
			continue
		}
		if worst = err; unanswered(err) {
			break
		}
	}
	_ = r.note(began, worst)
	return replies
}

func noScript(err error) bool {
	refusal, ok := rueidis.IsRedisErr(err)
	return ok && refusal.IsNoScript()
}

// getMany reads entries. An error is about all of them.
func (r *remote) getMany(ctx context.Context, keys []string) ([]reply, error) {
	c, ok := r.client()
	if !ok {
		return nil, errAway
	}
	replies := make([]reply, len(keys))
	if c.Mode() == rueidis.ClientModeCluster {
		commands := make(rueidis.Commands, len(keys))
		for i, key := range keys {
			commands[i] = c.B().Get().Key(key).Build()
		}
		for i, result := range r.doMany(ctx, c, commands) {
			m, err := result.ToMessage()
			replies[i] = replyOf(m, err)
		}
		return replies, nil
	}
	values, err := r.getAll(ctx, keys)
	if err != nil {
		return nil, err
	}
	for i, m := range values {
		replies[i] = replyOf(m, nil)
	}
	return replies, nil
}

func replyOf(m rueidis.RedisMessage, err error) reply {
	var p reply
	switch {
	case rueidis.IsRedisNil(err), foreign(err): // the lease, asked for next, makes room
	case err != nil:
		p.err = err
	default:
		p.value, p.err = valueOf(m)
	}
	return p
}

// checkMany is check for several keys. An error is about all of them.
func (r *remote) checkMany(ctx context.Context, keys, groups []string) (marks []uint32, tokens []token, err error) {
	c, ok := r.client()
	if !ok {
		return nil, nil, errAway
	}
	commands := make(rueidis.Commands, 0, len(keys)+len(groups)+1)
	for _, key := range keys {
		commands = append(commands, c.B().Getrange().Key(key).Start(0).End(headerCRC+3).Build())
	}
	commands = append(commands, c.B().Get().Key(r.generationKey(groupAll)).Build())
	for _, g := range groups {
		commands = append(commands, c.B().Get().Key(r.generationKey(g)).Build())
	}
	for i, result := range r.doMany(ctx, c, commands) {
		s, err := result.ToString()
		if err != nil && !rueidis.IsRedisNil(err) && !foreign(err) {
			return nil, nil, err
		}
		if i < len(keys) {
			marks = append(marks, markOf(bytesOf(s)))
		} else {
			tokens = append(tokens, parseToken(s))
		}
	}
	return marks, tokens, nil
}

// manyScript is a script that batches run. It is named by its hash, and the
// text is sent only to a server that doesn't know it.
type manyScript struct {
	lua *rueidis.Lua
	sha string
}

// newScripts gives a script for one call, and for batches.
func newScripts(text string) (*rueidis.Lua, *manyScript) {
	lua := rueidis.NewLuaScript(text)
	sum := sha1.Sum([]byte(text)) //nolint:gosec // as above
	return lua, &manyScript{lua: lua, sha: hex.EncodeToString(sum[:])}
}

// scriptCall is one call of a script.
type scriptCall struct {
	keys, args []string
}

// scriptCall is one call of a script for an entry.
func (r *remote) scriptCall(key string, args ...string) scriptCall {
	return scriptCall{[]string{key, r.leaseKey(key), r.floorKey(key)}, args}
}

// runMany runs a script for several entries.
func (r *remote) runMany(ctx context.Context, s *manyScript, calls []scriptCall) []reply {
	replies := make([]reply, len(calls))
	c, ok := r.client()
	if !ok {
		for i := range replies {
			replies[i].err = errAway
		}
		return replies
	}
	todo := make([]int, len(calls))
	for i := range todo {
		todo[i] = i
	}
	for len(todo) > 0 {
		commands := make(rueidis.Commands, len(todo))
		for j, i := range todo {
			call := &calls[i]
			commands[j] = c.B().Evalsha().Sha1(s.sha).Numkeys(int64(len(call.keys))).Key(call.keys...).Arg(call.args...).Build()
		}
		var unknown []int
		for j, result := range r.doMany(ctx, c, commands) {
			i := todo[j]
			if replies[i].message, replies[i].err = result.ToMessage(); noScript(replies[i].err) {
				unknown = append(unknown, i)
			}
		}
		if todo = unknown; len(todo) > 0 { // one by itself brings its server the text
			i := todo[0]
			replies[i].message, replies[i].err = r.exec(ctx, c, s.lua, calls[i].keys, calls[i].args...)
			todo = todo[1:]
		}
	}
	return replies
}

func (p *reply) count() (int64, error) {
	if p.err != nil {
		return 0, p.err
	}
	return p.message.AsInt64()
}

func (p *reply) lease() (leaseReply, []byte, error) {
	if p.err != nil {
		return 0, nil, p.err
	}
	return readLease(p.message)
}

// fillCall is the call of fillScript for an entry.
func (r *remote) fillCall(key string, nonce token, sealed []byte, ttl time.Duration, version int64) scriptCall {
	floor := hexVersion(version)
	if !guardFloor {
		floor = ""
	}
	return r.scriptCall(key, nonce.String(), rueidis.BinaryString(sealed), millis(ttl), floor)
}

// fillMany stores sealed entries under leases: a count of 1 says that it did.
func (r *remote) fillMany(ctx context.Context, calls []scriptCall) []reply {
	if !guardNonce {
		if c, ok := r.client(); ok {
			for _, call := range calls {
				_ = c.Do(ctx, c.B().Set().Key(call.keys[1]).Value(call.args[0]).PxMilliseconds(1000).Build()).Error()
			}
		}
	}
	return r.runMany(ctx, fillBatch, calls)
}

// removeMany removes entries under their leases: a count of 1 says that it did.
func (r *remote) removeMany(ctx context.Context, ms []*member, nonce token) []reply {
	calls := make([]scriptCall, len(ms))
	for i, m := range ms {
		key := m.inRedis()
		calls[i] = scriptCall{[]string{key, r.leaseKey(key)}, []string{nonce.String()}}
	}
	return r.runMany(ctx, removeBatch, calls)
}

func (r *remote) leaseCalls(ms []*member, nonce token, more ...string) []scriptCall {
	calls := make([]scriptCall, len(ms))
	args := append([]string{nonce.String()}, more...)
	for i, m := range ms {
		key := m.inRedis()
		calls[i] = scriptCall{[]string{r.leaseKey(key), r.makerKey(key, nonce)}, args}
	}
	return calls
}

// renewMany prolongs leases: a count is a leaseState.
func (r *remote) renewMany(ctx context.Context, ms []*member, nonce token) []reply {
	return r.runMany(ctx, renewBatch, r.leaseCalls(ms, nonce, millis(r.engine.o.LeaseTTL)))
}

// releaseMany gives leases back. It is false when Redis did not answer.
func (r *remote) releaseMany(ctx context.Context, ms []*member, nonce token) bool {
	for _, reply := range r.runMany(ctx, releaseBatch, r.leaseCalls(ms, nonce)) {
		if unanswered(reply.err) {
			return false
		}
	}
	return true
}
