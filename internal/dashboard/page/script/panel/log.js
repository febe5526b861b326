// What happened: invalidations, breaker, failover, nodes.

import {h, keyed, say, show, uid} from '../dom.js';
import {clock, millis, moment, plural} from '../format.js';

export const kinds = {
  invalidation: 'Invalidation', breaker: 'Breaker', failover: 'Failover', epoch: 'Epoch',
  node: 'Node', push: 'Push', warmup: 'Warm-up', reset: 'Reset',
};

const sentence = (s) => s.charAt(0).toUpperCase() + s.slice(1);
const today = (t) => new Date(t).toDateString() === new Date().toDateString();

const STEP = 40;

// folded makes one of events that follow each other and say the same.
function folded(events) {
  const lines = [];
  for (const e of events) {
    const last = lines.at(-1);
    if (last && !e.receipt && !last.first.receipt && last.first.kind === e.kind && last.first.node === e.node && last.first.message === e.message) {
      last.first = e;
      last.times++;
    } else lines.push({newest: e, first: e, times: 1});
  }
  return lines;
}

/** log lists events, newest first: as many as limit, or with a filter by kind and more on request. */
export function log({limit = STEP, filter = false} = {}) {
  const list = h('ol.log');
  const empty = h('p.empty-note', {hidden: true});
  const more = h('button', {type: 'button', hidden: true, onclick: () => { limit += STEP; refresh(); }}, 'Show older events');
  let only = '';
  let last = null;
  const id = uid('kind');
  const picker = filter && h('div.inline-field', h('label', {for: id}, 'Show'), h('select', {id, onchange: (e) => { only = e.target.value; refresh(); }},
    h('option', {value: ''}, 'all events'), Object.entries(kinds).map(([value, name]) => h('option', {value}, name))));

  function refresh() {
    const found = folded((last ?? []).filter((e) => !only || e.kind === only));
    const items = found.slice(0, limit);
    show(more, filter && found.length > limit);
    show(empty, items.length === 0);
    say(empty, last === null ? 'This server does not tell what happens.' : only ? 'Nothing of this kind happened.' : 'Nothing happened yet. Invalidations, breakers and failovers will show here.');
    // The oldest of the folded ones names the line, so that one more does not replace it.
    keyed(list, items, ({first}) => `${first.node} ${first.seq} ${first.time}`, line, retell);
  }

  return {el: h('div', picker, list, more, empty), update({events}) {
    last = events;
    refresh();
  }};
}

function retell(li, {newest, times}) {
  const time = li.querySelector('time');
  time.dateTime = time.title = newest.time;
  say(time, today(newest.time) ? clock(newest.time) : moment(newest.time));
  show(say(li.querySelector('.times'), `${times} times`), times > 1);
}

function line({newest: e}) {
  const r = e.receipt;
  return h('li', {'data-kind': e.kind}, h('time'),
    h('div', h('p', h('span.tag', kinds[e.kind] ?? e.kind), ' ', sentence(e.message || e.key || ''), ' ', h('span.tag.times', {hidden: true})),
      h('p.hint', [e.node && `node ${e.node}`, e.message && !e.message.includes(e.key) && e.key,
        r && r.nodes != null && `${r.acknowledged} of ${plural(r.nodes, 'node')} confirmed after ${millis(r.elapsedMs)}`].filter(Boolean).join(' · '))));
}
