// What is hot: the assistants and the keys that are asked for most. The counts
// come from a sketch, so each may be too high by its error.

import {h, keyed, say, show} from '../dom.js';
import {brief, count, layerName} from '../format.js';
import {load, nameOf} from '../names.js';

/** brieflyKey tells an entry in few words: whose it is, and which. The layer stands beside it. */
function brieflyKey({key, layer}) {
  const own = layer && key.includes(`${layer}:`) ? key.slice(key.indexOf(`${layer}:`) + layer.length + 1) : key;
  return own.replace(/asst_[\w-]+/, nameOf).replace(/(thread_[A-Za-z0-9]{6})[A-Za-z0-9]+/, '$1…').replace(/([0-9a-f]{8})[0-9a-f]{24,}/, '$1').replace(':', ' · ');
}

/** hot lists up to limit of them; kind is 'assistants' or 'keys'. */
export function hot(kind, {limit = 20} = {}) {
  const list = h('ol.hot');
  const empty = h('p.empty-note', {hidden: true});
  let named = false;
  return {el: h('div', list, empty), update({metrics: m}) {
    if (!m) return;
    const items = (m.hot?.[kind] ?? []).slice(0, limit);
    show(empty, items.length === 0);
    say(empty, !m.hot ? 'Not available on this server.' : kind === 'keys' ? 'No entry was asked for yet. Ask something in the chat.' : 'No assistant was asked yet. Ask one in the chat.');
    if (items.length && !named) {
      named = true;
      load().catch(() => {}); // ids do as well
    }
    const most = items[0]?.count || 1;
    keyed(list, items, (i) => i.key ?? i.assistantId, item, (li, i) => {
      say(li.querySelector('a'), i.assistantId ? nameOf(i.assistantId) : brieflyKey(i));
      const n = li.querySelector('.count');
      say(n, brief(i.count));
      n.title = i.error > 0 ? `${count(i.count)}, too high by ${count(i.error)} at most` : count(i.count);
      li.style.setProperty('--share', `${100 * i.count / most}%`);
    });
  }};
}

function item(i) {
  if (i.assistantId) {
    return h('li', h('a', {href: `#/assistants/${encodeURIComponent(i.assistantId)}`}), h('span.count'));
  }
  return h('li', h('a', {href: `#/cache/entry/${encodeURIComponent(i.key)}`, title: i.key}),
    i.layer && h('span.tag', layerName(i.layer)), h('span.count'));
}
