// A look into one entry: where it is, how old, how long it lives, of which
// versions; and its value, only when somebody asks for it.

import {call} from '../api.js';
import {open} from '../dialog.js';
import {fill, h} from '../dom.js';
import {bytes, count, layerName, millis, moment, span} from '../format.js';
import {invalidate} from '../levers.js';

/** entrySheet opens it; closed is called when people close it. silently() closes it without. */
export function entrySheet(key, closed) {
  let told = true;
  const stop = new AbortController();
  const box = h('div.stack', h('p', 'Looking…'));
  const {close} = open('Entry', () => [h('p.key.mono', key), box], {sheet: true, closed: () => {
    stop.abort();
    if (told) closed();
  }});
  look(key, box, stop.signal);
  return {silently() {
    told = false;
    close();
  }};
}

async function look(key, box, signal) {
  try {
    const e = await call('GET', `/api/cache/entry?key=${encodeURIComponent(key)}`, {signal});
    fill(box, facts(e), value(key, e, signal), actions(key, e));
  } catch (err) {
    if (signal.aborted) return;
    fill(box, err.status === 404
      ? [h('p', 'Nothing is cached under this key now: neither in this node’s memory nor in Redis.'),
        h('p.hint', 'It may have expired or been invalidated. The next read brings it back.')]
      : h('p.error', {role: 'alert'}, err.message));
  }
}

const yes = (b) => b ? 'yes' : 'no';

function facts(e) {
  const head = e.header?.createdAt ? e.header : {};
  const left = e.memory?.expiresAt ? (new Date(e.memory.expiresAt) - Date.now()) / 1000 : undefined;
  const rows = [
    ['Layer', layerName(e.layer)],
    ['Age', !head.createdAt ? undefined : millis(e.ageMs)],
    ['Created', head.createdAt && moment(head.createdAt)],
    ['In memory', e.memory?.present ? [bytes(e.memory.bytes), left !== undefined && `${span(left)} left`].filter(Boolean).join(', ') : 'no'],
    ['In Redis', e.redis?.present ? `${bytes(e.redis.bytes)}, ${e.redis.ttlMs > 0 ? `${span(e.redis.ttlMs / 1000)} left` : 'no expiry'}` : 'no'],
    ['Source version', head.sourceVersion],
    ['Layer version', head.layerVersion],
    ['Format', head.format == null ? undefined : `${head.format}, ${head.codec ?? 'unknown codec'}${head.compressed ? ', compressed' : ''}`],
    ['Known to be absent', head.negative ? yes(true) : undefined],
    ['Being loaded now', e.lease == null ? undefined : yes(e.lease)],
    ['Floor', e.floor ? count(e.floor) : undefined],
    ['Groups', e.groups?.length ? e.groups.join(', ') : undefined],
  ];
  return h('dl.facts', rows.filter(([, v]) => v !== undefined && v !== '').map(([name, v]) => h('div', h('dt', name), h('dd', v))));
}

function value(key, e, signal) {
  const out = h('div.value-box', h('p.hint', 'The value may hold what people asked and were told, so it is not shown unless you ask.'));
  const button = h('button', {type: 'button', onclick: async () => {
    button.disabled = true;
    try {
      const full = await call('GET', `/api/cache/entry?key=${encodeURIComponent(key)}&reveal=true`, {signal});
      fill(out, h('pre', {tabindex: '0', 'aria-label': 'Value'}, JSON.stringify(full.value, null, 2) ?? 'It has no readable value.'));
      button.remove();
    } catch (err) {
      if (signal.aborted) return;
      button.disabled = false;
      fill(out, h('p.error', {role: 'alert'}, err.message));
    }
  }}, 'Reveal the value');
  return h('section', h('h3', 'Value'), out, button);
}

function actions(key, e) {
  const text = [key, ...(e.groups ?? [])].join(' ');
  const assistant = text.match(/asst_[\w-]+/)?.[0];
  const thread = key.match(/thread_[\w-]+/)?.[0];
  if (!assistant && !thread) return null;
  return h('div.row', thread && h('button.danger', {type: 'button', onclick: () => invalidate('thread', thread)}, 'Invalidate the thread'),
    !thread && h('button.danger', {type: 'button', onclick: () => invalidate('assistant', assistant)}, 'Invalidate the assistant'),
    assistant && h('a.button', {href: `#/assistants/${assistant}`}, 'Go to the assistant'));
}
