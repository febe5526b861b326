// The nodes, what stands between them (Redis), and what happened.

import {call} from '../api.js';
import {chart} from '../chart.js';
import {fill, h, say, show, uid} from '../dom.js';
import {NONE, brief, bytes, count, layerName, millis, money, percent, share, span} from '../format.js';
import {headline} from '../panel/headline.js';
import {log} from '../panel/log.js';
import {nodes} from '../panel/nodes.js';

export function fleet() {
  const health = headline();
  const list = nodes();
  const redis = h('dl.facts');
  const keys = h('dl.facts');
  const events = log({filter: true});
  const history = days();
  const keySection = section('Keys per layer', keys);
  const el = h('div', health.el, section('Nodes', list.el),
    h('div.two.even', section('Redis', redis), h('div', keySection, history.el)), section('Events', events.el));
  return {title: 'Fleet', el, update(state) {
    health.update(state);
    list.update(state);
    events.update(state);
    if (!state.health) return;
    pairs(redis, redisFacts(state.health));
    const perLayer = Object.entries(state.health.keysPerLayer ?? {});
    show(keySection, perLayer.length > 0);
    pairs(keys, perLayer.map(([name, n]) => [layerName(name), count(n)]));
  }, leave: history.leave};
}

function section(title, content) {
  const id = uid('section');
  return h('section.panel', {'aria-labelledby': id}, h('header', h('h2', {id}, title)), content);
}

// pairs writes names and values, and touches only what changed.
function pairs(dl, list) {
  const rows = list.filter(([, v]) => v != null && v !== '');
  if (dl.children.length !== rows.length) fill(dl, rows.map(() => h('div', h('dt'), h('dd'))));
  rows.forEach(([name, value], i) => {
    say(dl.children[i].firstElementChild, name);
    say(dl.children[i].lastElementChild, value);
  });
}

function redisFacts(health) {
  const r = health.redis ?? {};
  const s = health.stats ?? {};
  if (!health.cache?.provider?.includes('redis')) {
    return [['State', 'not configured'], ['To share the cache', 'start the nodes with REDIS_URL']];
  }
  const used = r.usedMemoryBytes ?? s.usedMemoryBytes;
  const most = r.maxMemoryBytes ?? s.maxMemoryBytes;
  const of = share(used, most);
  return [
    ['State', health.cache.connected ? 'connected' : 'away'],
    ['Version', r.version ?? s.redisVersion],
    ['Role', [r.role ?? s.role, r.replicas != null && `${count(r.replicas)} replicas`].filter(Boolean).join(', ')],
    ['Latency', millis(r.latencyMs ?? s.latencyMs)],
    ['Memory', used == null ? NONE : most ? `${bytes(used)} of ${bytes(most)} (${percent(of)})` : `${bytes(used)}, no maximum`],
    ['Fragmentation', r.fragmentation == null ? undefined : r.fragmentation.toFixed(2)],
    ['Eviction', r.evictionPolicy ?? s.evictionPolicy],
    ['Persistence', r.persistence],
    ['Password', r.auth == null ? undefined : r.auth ? 'yes' : 'none'],
    ['TLS', r.tls == null ? undefined : r.tls ? 'yes' : 'no'],
    ['Uptime', health.cache.connected ? span(s.uptime) : undefined],
    ['Epoch', (health.epoch ?? s.epoch ?? '').slice(0, 12)],
    ...Object.entries(health.breakers ?? {redis: s.breaker}).map(([name, state]) => [`Breaker ${name.replace('upstream:', 'of ')}`, state]),
    ['Last error', health.lastError || s.lastError],
  ];
}

function days() {
  const totals = h('p.hint');
  const requests = chart({title: 'Reads per day, and those from the cache', format: brief, height: 150, series: [
    {name: 'All reads', value: (p) => p.hits + p.misses, area: true, faint: true},
    {name: 'From the cache', value: (p) => p.hits, area: true},
  ]});
  const el = section('Last 30 days', [totals, requests.el]);
  const stop = new AbortController();
  el.hidden = true;
  call('GET', '/api/cache/days?n=30', {signal: stop.signal}).then(({days: list, currency}) => {
    if (!list?.length) return;
    const points = list.toSorted((a, b) => a.day < b.day ? -1 : 1).map((d) => ({...d, label: d.day}));
    const sum = (name) => points.reduce((n, d) => n + (d[name] ?? 0), 0);
    say(totals, `${count(sum('modelCallsAvoided'))} model calls and ${count(sum('queriesAvoided'))} queries avoided, ${money(sum('moneySaved'), currency)} saved.`);
    requests.update(points, 86_400);
    show(el, true);
  }).catch(() => {}); // a server without a history has none to show
  return {el, leave: () => stop.abort()};
}
