// What happened: invalidations, breaker, failover, nodes.

import {h, keyed, say, show, uid} from '../dom.js';
import {clock, millis, moment} from '../format.js';

export const kinds = {
  invalidation: 'Invalidation', breaker: 'Breaker', failover: 'Failover', epoch: 'Epoch',
  node: 'Node', warmup: 'Warm-up', reset: 'Reset',
};

const today = (t) => new Date(t).toDateString() === new Date().toDateString();

/** log lists events, newest first; with a filter by kind when it is asked for. */
export function log({limit = 200, filter = false} = {}) {
  const list = h('ol.log');
  const empty = h('p.empty-note', {hidden: true});
  let only = '';
  let last = null;
  const id = uid('kind');
  const picker = filter && h('div.inline-field', h('label', {for: id}, 'Show'), h('select', {id, onchange: (e) => { only = e.target.value; refresh(); }},
    h('option', {value: ''}, 'all events'), Object.entries(kinds).map(([value, name]) => h('option', {value}, name))));

  function refresh() {
    const items = (last ?? []).filter((e) => !only || e.kind === only).slice(0, limit);
    show(empty, items.length === 0);
    say(empty, last === null ? 'This server does not tell what happens.' : only ? 'Nothing of this kind happened.' : 'Nothing happened yet. Invalidations, breakers and failovers will show here.');
    keyed(list, items, (e) => `${e.node} ${e.seq} ${e.time}`, line);
  }

  return {el: h('div', picker, list, empty), update({events}) {
    last = events;
    refresh();
  }};
}

function line(e) {
  const r = e.receipt;
  return h('li', {'data-kind': e.kind}, h('time', {datetime: e.time, title: e.time}, today(e.time) ? clock(e.time) : moment(e.time)),
    h('div', h('p', h('span.tag', kinds[e.kind] ?? e.kind), ' ', e.message || e.key || ''),
      h('p.hint', [e.node && `node ${e.node}`, e.key && e.message && e.key,
        r && r.nodes != null && `${r.acknowledged} of ${r.nodes} nodes confirmed after ${millis(r.elapsedMs)}`].filter(Boolean).join(' · '))));
}
