// The nodes of the fleet: which is alive, which is ill, what each does.

import {h, keyed, say, show} from '../dom.js';
import {brief, bytes, percent, share, since} from '../format.js';

/** ill says what is wrong with a node, or nothing. */
export function ill(n) {
  if (n.alive === false) return 'not seen';
  if (n.breaker && n.breaker !== 'closed') return `Redis breaker ${n.breaker}`;
  return '';
}

// A version that no release has is best told by its commit.
const brieflyVersion = (v) => v.replace(/^v0\.0\.0-(?:0\.)?\d{14}-([0-9a-f]{7})[0-9a-f]*/, '$1');

export function nodes() {
  const list = h('ul.nodes');
  const empty = h('p.empty-note', {hidden: true});
  return {el: h('div', list, empty), update({metrics: m, health}) {
    if (!m) return;
    const items = m.nodes?.length ? m.nodes : health?.nodes ?? [];
    show(empty, items.length === 0);
    say(empty, 'This server does not tell about its nodes.');
    keyed(list, items, (n) => `${n.name} ${n.startedAt}`, card, refresh);
  }};
}

function card(n) {
  return h('li', h('div.node-name', h('span.lamp', {'aria-hidden': 'true'}), h('strong.mono', n.name), h('span.tag.self', {hidden: true}, 'this one')),
    h('p.node-state'), h('dl.pairs',
      h('div', h('dt', 'Requests'), h('dd')), h('div', h('dt', 'Hit rate'), h('dd')), h('div', h('dt', 'Memory'), h('dd'))));
}

function refresh(li, n) {
  const wrong = ill(n);
  li.dataset.state = n.alive === false ? 'dead' : wrong ? 'ill' : 'well';
  show(li.querySelector('.self'), Boolean(n.self));
  say(li.querySelector('.node-state'), [wrong || 'alive', n.version && `version ${brieflyVersion(n.version)}`,
    n.alive === false ? `last seen ${since(n.seenAt)}` : n.startedAt && `started ${since(n.startedAt)}`].filter(Boolean).join(' · '));
  const [requests, rate, memory] = li.querySelectorAll('dd');
  say(requests, brief(n.requests));
  say(rate, percent(n.hitRate));
  const used = share(n.localBytes, n.localLimitBytes);
  say(memory, n.localBytes == null ? '–' : `${bytes(n.localBytes)}${used === undefined ? '' : ` · ${percent(used)}`}`);
}
