// The layers of the cache: how often each has what is asked, how fast, and
// whether one is ill.

import {h, keyed, say} from '../dom.js';
import {NONE, brief, bytes, count, layerName, millis, percent} from '../format.js';

const asked = (l) => l.hits + l.misses;
const short = (ms) => ms === 0 ? '< 1 µs' : millis(ms); // the server counts in whole microseconds
const hitTimes = (l) => l.hitP50 == null || l.hits === 0 ? NONE : `${short(l.hitP50)} · ${short(l.hitP99)}`;
const loadTimes = (l) => l.loadP50 > 0 ? `${millis(l.loadP50)} · ${millis(l.loadP99)}` : l.loads > 0 ? millis(l.avgLoadTime) : NONE;

const few = [
  {name: 'Hits', value: (l) => brief(l.hits)},
  {name: 'Misses', value: (l) => brief(l.misses), desk: true},
  {name: 'Hit, p50 · p99', value: hitTimes, wide: true},
  {name: 'Load, p50 · p99', value: loadTimes, wide: true},
];
const all = [
  {name: 'Memory', value: (l) => brief(l.memoryHits)},
  {name: 'Redis', value: (l) => brief(l.redisHits)},
  {name: 'Shared', value: (l) => brief(l.shared + (l.coalesced ?? 0))},
  {name: 'Misses', value: (l) => brief(l.misses)},
  {name: 'Hit, p50 · p99', value: hitTimes},
  {name: 'Load, p50 · p99', value: loadTimes},
  {name: 'Stale', value: (l) => brief(l.staleHits)},
  {name: 'Avoided', about: 'Queries avoided', value: (l) => brief(l.queriesAvoided)},
  {name: 'Time saved', value: (l) => millis(l.timeSavedMs)},
  {name: 'Invalidated', value: (l) => brief(l.invalidations)},
  {name: 'In memory', value: (l) => `${brief(l.memoryItems)} · ${bytes(l.memoryBytes)}`},
];

/** complaint says what is wrong with a layer, or nothing. */
export function complaint(l) {
  const wrong = [];
  if (l.redisErrors > 0) wrong.push(`${count(l.redisErrors)} errors of Redis`);
  if (l.decodeErrors > 0) wrong.push(`${count(l.decodeErrors)} entries can't be decoded`);
  if (l.loadErrors > 0) wrong.push(`${count(l.loadErrors)} of ${count(l.loads)} loads failed`);
  return wrong.join(', ');
}

export function layers({detailed = false} = {}) {
  const columns = detailed ? all : few;
  const body = h('tbody');
  const head = h('tr', h('th', {scope: 'col'}, 'Layer'), h('th', {scope: 'col'}, 'Hit rate'),
    columns.map((c) => h('th.n', {scope: 'col', class: room(c), title: c.about}, c.name)));
  const el = h('div.scroll', {role: 'region', tabindex: '0', 'aria-label': 'Layers, as a table'},
    h('table.layers', {class: detailed ? 'dense' : ''}, h('caption.quiet', 'Layers of the cache'), h('thead', head), body));
  return {el, update({metrics: m}) {
    if (!m) return;
    keyed(body, m.layers, (l) => l.name, (l) => row(l, columns), (tr, l) => refresh(tr, l, columns));
  }};
}

const room = (c) => c.wide ? 'wide' : c.desk ? 'desk' : ''; // where there is less, it is left out

function row(l, columns) {
  return h('tr', h('th', {scope: 'row'}, h('span.name', layerName(l.name)), h('span.ill'), h('span.note')),
    h('td.meter-cell', h('div.meter', {role: 'img'}, h('span.fill')), h('span.meter-text')),
    columns.map((c) => h('td.n', {class: room(c)})));
}

function refresh(tr, l, columns) {
  const wrong = complaint(l);
  tr.classList.toggle('is-ill', wrong !== '');
  say(tr.querySelector('.ill'), wrong);
  say(tr.querySelector('.note'), l.similar > 0 ? `${count(l.similar)} by a similar question` : '');
  const rate = asked(l) ? l.hitRate : null;
  const text = rate === null ? 'not asked' : percent(rate);
  tr.querySelector('.fill').style.setProperty('--share', `${rate ?? 0}%`);
  tr.querySelector('.meter').setAttribute('aria-label', `Hit rate: ${text}`);
  say(tr.querySelector('.meter-text'), text);
  columns.forEach((c, i) => say(tr.children[i + 2], c.value(l)));
}
