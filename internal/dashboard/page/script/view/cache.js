// The cache from inside: layers in full, hot entries, a look into any of them,
// and the levers.

import {fill, h, uid} from '../dom.js';
import {invalidate, resetCounters, warm} from '../levers.js';
import {load} from '../names.js';
import {notice} from '../dialog.js';
import {hot} from '../panel/hot.js';
import {layers} from '../panel/layers.js';
import {entrySheet} from '../panel/entry.js';

export function cacheView(path) {
  const table = layers({detailed: true});
  const keys = hot('keys');
  const assistants = hot('assistants');
  const parts = [table, keys, assistants];
  const id = uid('key');
  const input = h('input.mono', {id, type: 'search', placeholder: 'assistant_data:asst_…', autocomplete: 'off', spellcheck: 'false', required: true});
  const find = h('form.lookup', {role: 'search', onsubmit: (e) => {
    e.preventDefault();
    const key = input.value.trim();
    if (key) location.hash = `#/cache/entry/${encodeURIComponent(key)}`;
  }}, h('label', {for: id}, 'Look into an entry'), input, h('button.primary', {type: 'submit'}, 'Look'));
  const el = h('div',
    h('header.view', h('h1', {tabindex: '-1'}, 'Cache'), h('div.row',
      h('button', {type: 'button', onclick: warmAll}, 'Warm all assistants'),
      h('button', {type: 'button', onclick: resetCounters}, 'Reset counters'),
      h('button.danger', {type: 'button', onclick: () => invalidate('all')}, 'Empty the cache'))),
    section('Layers', table.el),
    h('div.two.even.apart',
      section('Hot entries', [find, keys.el]),
      section('Hot assistants', assistants.el)));

  let sheet = null;
  function move(path) {
    sheet?.silently();
    sheet = null;
    if (path[0] === 'entry' && path[1]) {
      input.value = path[1];
      sheet = entrySheet(path[1], () => {
        sheet = null;
        if (location.hash.startsWith('#/cache/entry/')) location.hash = '#/cache';
      });
    }
    return true;
  }
  move(path);
  return {title: 'Cache', el, move,
    update: (state) => parts.forEach((p) => p.update(state)),
    leave: () => sheet?.silently()};
}

function section(title, content) {
  const id = uid('section');
  return fill(h('section.panel', {'aria-labelledby': id}), h('header', h('h2', {id}, title)), content);
}

async function warmAll() {
  try {
    const list = await load({again: true});
    if (list.length) warm(list);
    else notice('There is no assistant yet. Make one first, under Assistants.');
  } catch (err) {
    notice(err.message, {bad: true});
  }
}
