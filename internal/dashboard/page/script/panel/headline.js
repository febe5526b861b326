// Is it healthy? One word, one sentence, and what to do about what is not.

import {fill, h, keyed, say, show} from '../dom.js';
import {bytes, layerName, millis, plural, span} from '../format.js';
import {icon} from '../icons.js';

const words = {healthy: 'Healthy', degraded: 'Degraded', unhealthy: 'Unhealthy'};
const order = {critical: 0, warning: 1, info: 2};
const named = {critical: 'Critical', warning: 'Warning', info: 'Note'};

export function headline() {
  const word = h('h1', {tabindex: '-1'}, 'Looking…');
  const sentence = h('p.sentence');
  const advice = h('ul.advice');
  const more = h('details.more', {hidden: true}, h('summary'), h('ul.advice'));
  const el = h('section.headline', {'aria-label': 'Health'}, h('div.verdict', h('span.lamp', {'aria-hidden': 'true'}), h('div', word, sentence)), advice, more);

  return {el, update({health, metrics, link, error}) {
    const away = link === 'lost' && !health;
    const status = link === 'lost' ? 'lost' : health?.status ?? 'unknown';
    el.dataset.status = status;
    say(word, status === 'lost' ? 'Not connected' : words[status] ?? 'Looking…');
    say(sentence, status === 'lost' ? `${error?.message ?? 'The server does not answer.'} The page tries again by itself.` : health ? summary(health, metrics) : '');
    const list = away ? [] : adviceOf(health);
    // What needs doing is said at once, what is only worth knowing on request.
    keyed(advice, list.filter((a) => a.severity !== 'info'), keyOf, item, refreshItem);
    const notes = list.filter((a) => a.severity === 'info');
    show(more, notes.length > 0);
    say(more.firstElementChild, plural(notes.length, 'note'));
    keyed(more.lastElementChild, notes, keyOf, item, refreshItem);
  }};
}

const keyOf = (a) => `${a.severity} ${a.code} ${a.layer ?? ''} ${a.code ? '' : a.message}`;

function item(a) {
  return h('li', {'data-severity': a.severity}, icon(a.severity), h('p', h('span.quiet', `${named[a.severity]}: `), h('span.message'),
    a.layer && h('span.tag', layerName(a.layer)), a.code && h('code', {title: 'The code of this advice'}, a.code)));
}

function refreshItem(li, a) {
  say(li.querySelector('.message'), a.message);
}

/** adviceOf gives the advice, most pressing first; servers without it have notes. */
export function adviceOf(health) {
  if (!health) return [];
  const list = health.advice ?? (health.notes ?? []).map((message) => ({severity: health.status === 'healthy' ? 'info' : 'warning', message}));
  return list.map((a) => ({...a, severity: a.severity in order ? a.severity : 'info'})).sort((a, b) => order[a.severity] - order[b.severity]);
}

function summary(health, metrics) {
  const parts = [];
  const nodes = metrics?.scope === 'fleet' && metrics.nodes ? metrics.nodes : health.nodes;
  if (nodes?.length) {
    const alive = nodes.filter((n) => n.alive !== false).length;
    parts.push(alive === nodes.length ? plural(alive, 'node') : `${alive} of ${plural(nodes.length, 'node')} alive`);
  }
  const redis = health.redis ?? {};
  const stats = health.stats ?? {};
  if (health.cache?.connected) parts.push(`Redis ${redis.version || stats.redisVersion || ''} answers in ${millis(redis.latencyMs ?? stats.latencyMs)}`.replace('  ', ' '));
  else parts.push(health.cache?.provider?.includes('redis') ? 'Redis is away' : 'memory only');
  if (health.store) parts.push(health.store.connected ? `store ${health.store.name}` : `store ${health.store.name} is away`);
  if (stats.localLimitBytes) parts.push(`${bytes(stats.localBytes)} of ${bytes(stats.localLimitBytes)} in memory`);
  if (stats.serverUptime != null) parts.push(`up ${span(stats.serverUptime)}`);
  const s = parts.join(' · ');
  return s.charAt(0).toUpperCase() + s.slice(1);
}
