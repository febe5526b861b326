// Where the time of an answer went: the layers that the server names in
// Server-Timing, one after the other, then the wait for the first word, then
// the words.

import {h} from '../dom.js';
import {layerName, millis} from '../format.js';

const sources = {
  memory: 'in memory', redis: 'in Redis', shared: 'shared a load', load: 'loaded', coalesced: 'followed another’s',
};

/** parseTiming reads a Server-Timing header: [{name, about, ms}]. */
export function parseTiming(header) {
  const spans = [];
  for (const part of (header ?? '').match(/(?:[^,"]|"[^"]*")+/g) ?? []) {
    const [name, ...params] = part.match(/(?:[^;"]|"[^"]*")+/g).map((s) => s.trim());
    const span = {name, about: '', ms: 0};
    for (const p of params) {
      const [k, v] = [p.slice(0, p.indexOf('=')), p.slice(p.indexOf('=') + 1).replaceAll('"', '')];
      if (k === 'dur') span.ms = Number(v) || 0;
      if (k === 'desc') span.about = v;
    }
    if (name) spans.push(span);
  }
  return spans;
}

/** waterfall draws an exchange: timing (spans), headersAt, firstAt and endAt, in ms since the question was sent. */
export function waterfall({timing, headersAt, firstAt, endAt, outcome}) {
  const bars = [];
  let at = 0;
  for (const s of timing) {
    bars.push({name: layerName(s.name), about: sources[s.about] ?? s.about, start: at, ms: s.ms, kind: s.about === 'memory' || s.about === 'redis' || s.about === 'shared' ? 'hit' : 'load'});
    at += s.ms;
  }
  const rest = headersAt - at;
  if (rest > 0.05) bars.push({name: 'Network and the rest', about: '', start: at, ms: rest, kind: 'rest'});
  const live = outcome !== 'hit' && outcome !== 'similar';
  if (firstAt !== undefined) {
    bars.push({name: 'Until the first word', about: live ? 'model' : 'replayed', start: headersAt, ms: firstAt - headersAt, kind: live ? 'load' : 'hit'});
    bars.push({name: 'The words', about: live ? 'streamed' : 'replayed', start: firstAt, ms: endAt - firstAt, kind: live ? 'load' : 'hit'});
  }
  const total = Math.max(endAt, at, 0.001);
  return h('table.waterfall', h('caption', `Where ${millis(endAt)} went`),
    h('thead.quiet', h('tr', ['Step', 'When', 'Took'].map((n) => h('th', {scope: 'col'}, n)))),
    h('tbody', bars.map((b) => h('tr', h('th', {scope: 'row'}, b.name, b.about && h('span.hint', ` ${b.about}`)),
      h('td', h('div.track', {'aria-hidden': 'true'}, h('span', {class: b.kind, vars: {'--start': `${100 * b.start / total}%`, '--length': `${100 * b.ms / total}%`}}))),
      h('td.n', millis(b.ms))))));
}
