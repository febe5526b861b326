// The levers: empty, warm, reset. Each asks first, shows how far it is, and
// then what came of it, node by node where the server tells.

import {ApiError, call, lines, send} from './api.js';
import {confirm, notice, open} from './dialog.js';
import {fill, h, say} from './dom.js';
import {count, millis, plural} from './format.js';
import {icon} from './icons.js';
import {refresh} from './live.js';

/** receipt shows which nodes have confirmed an invalidation. */
export function receipt(r) {
  if (!r) return null;
  const facts = [];
  if (r.nodes != null) {
    const whole = r.acknowledged >= r.nodes;
    facts.push(h('p.acks', {class: whole ? 'good' : 'warn'}, icon(whole ? 'check' : 'warning'),
      h('span', h('strong', `${count(r.acknowledged)} of ${plural(r.nodes, 'node')}`), ` confirmed after ${millis(r.elapsedMs)}.`)));
    if (!whole) facts.push(h('p', 'The others do not answer. Their leases have run out, so they serve nothing old from memory; look at them in the fleet.'));
  }
  if (r.remote === false) facts.push(h('p.hint', 'There is no Redis, or it is away: this node knows, and the others learn it when Redis is back.'));
  if (r.version) facts.push(h('p.hint', `Nothing below version ${r.version} is served any more.`));
  return h('div.receipt', facts);
}

const explain = {
  assistant: (name) => [h('p', 'The data, the schema and all answers of ', h('strong', name), ' are dropped from every node and from Redis.'),
    h('p.hint', 'Nothing is lost: the next question loads them again, which costs a few queries and a model call.')],
  thread: (name) => [h('p', 'The context and the answers of thread ', h('strong', name), ' are dropped from every node and from Redis.'),
    h('p.hint', 'Its messages stay in the store.')],
  all: () => [h('p', h('strong', 'Everything'), ' that deja has cached is dropped, on every node and in Redis. Other keys in Redis are not touched.'),
    h('p.hint', 'Until the cache is warm again, every question costs queries and a model call.')],
};

/** invalidate asks, empties, and shows the receipt. type: assistant, thread or all. */
export function invalidate(type, id, name = id) {
  confirm({
    title: type === 'all' ? 'Empty the whole cache?' : `Invalidate this ${type}?`,
    text: explain[type](name),
    action: type === 'all' ? 'Empty the cache' : 'Invalidate',
    danger: true,
    async act() {
      const body = {type};
      if (type === 'assistant') body.assistantId = id;
      if (type === 'thread') body.threadId = id;
      const answer = await call('POST', '/api/cache/invalidate', {json: body});
      return [h('p', answer.message), receipt(answer.receipt)];
    },
    done: refresh,
  });
}

/** warm loads assistants into the cache, and shows each as it is done. */
export function warm(list) {
  const bar = h('progress', {max: list.length, value: 0, 'aria-label': 'Assistants warmed'});
  const told = h('p', {role: 'status'}, `0 of ${plural(list.length, 'assistant')}`);
  const failures = h('ul.failures');
  const stop = new AbortController();
  const names = new Map(list.map((a) => [a.id, a.name || a.id]));
  open('Warming up', (close) => {
    const end = h('button', {type: 'button', onclick: close}, 'Stop');
    run().then(() => {
      end.textContent = 'Done';
      end.classList.add('primary');
    });
    return h('div.stack', h('p', 'Data and schema of each assistant are loaded into the cache, so that the next question finds them there.'),
      bar, told, failures, h('div.row.end', end));
  }, {closed: () => stop.abort()});

  async function run() {
    let done = 0;
    let queries = 0;
    let whole = false;
    try {
      const res = await send('POST', '/api/cache/metrics', {
        json: {action: 'warmup', assistantIds: list.map((a) => a.id)}, headers: {Accept: 'application/x-ndjson'}, signal: stop.signal,
      });
      for await (const line of lines(res)) {
        if (!line) continue;
        const one = JSON.parse(line);
        if (one.status) {
          whole = true;
          fill(told, icon('check'), ` ${plural(one.warmed, 'assistant')} warm after ${plural(queries, 'query', 'queries')}${one.failed ? `, ${count(one.failed)} failed` : ''}.`);
          told.classList.add('acks', one.failed ? 'warn' : 'good');
          continue;
        }
        bar.value = ++done;
        queries += one.queries;
        say(told, `${count(done)} of ${plural(list.length, 'assistant')}`);
        if (!one.ok) failures.append(h('li', `${names.get(one.assistantId) ?? one.assistantId}: ${one.error}`));
      }
      if (!whole) throw new ApiError(0, 'It was cut short. Try again.');
    } catch (err) {
      if (err.name !== 'AbortError') say(told, err.message);
    }
    refresh();
  }
}

/** resetCounters sets the figures of the node that answers to zero. */
export function resetCounters() {
  confirm({
    title: 'Start counting from zero?',
    text: h('p', 'All counters of the node that answers this page are set to zero. The cache itself stays as it is.'),
    action: 'Reset the counters',
    async act() {
      const answer = await call('POST', '/api/cache/metrics', {json: {action: 'reset-metrics'}});
      notice(answer.message);
    },
    done: refresh,
  });
}
