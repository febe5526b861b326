// All assistants, and the way to a new one.

import {notice} from '../dialog.js';
import {fill, h, uid} from '../dom.js';
import {moment} from '../format.js';
import {warm} from '../levers.js';
import {load} from '../names.js';

const policies = {off: 'not cached', thread: 'cached per thread', assistant: 'shared by all threads'};

export function assistants() {
  const id = uid('filter');
  const filter = h('input', {id, type: 'search', placeholder: 'Name or id', autocomplete: 'off'});
  const box = h('div', h('p.hint', 'Loading…'));
  const el = h('div',
    h('header.view', h('h1', {tabindex: '-1'}, 'Assistants'), h('div.row',
      h('button', {type: 'button', onclick: () => (list.length ? warm(list) : notice('There is no assistant to warm yet.'))}, 'Warm all'),
      h('a.button.primary', {href: '#/assistants/new'}, 'New assistant'))),
    h('div.inline-field', h('label', {for: id}, 'Find'), filter), box);
  let list = [];
  let left = false;

  function draw() {
    const wanted = filter.value.trim().toLowerCase();
    const found = list.filter((a) => `${a.name ?? ''} ${a.id}`.toLowerCase().includes(wanted));
    if (!list.length) {
      fill(box, h('section.empty', h('h2', 'No assistant yet'),
        h('p', 'An assistant has instructions, a model, and data that it may look into. Make one, give it a table, and ask it twice: the second answer comes from the cache.'),
        h('a.button.primary', {href: '#/assistants/new'}, 'Make the first assistant')));
      return;
    }
    fill(box, found.length ? h('ul.cards', found.map(card)) : h('p.empty-note', 'No assistant has that in its name.'));
  }

  filter.addEventListener('input', draw);
  load({again: true}).then((l) => { list = l; if (!left) draw(); }, (err) => { if (!left) fill(box, h('p.error', {role: 'alert'}, err.message)); });
  return {title: 'Assistants', el, leave: () => { left = true; }};
}

function card(a) {
  const name = a.name || 'Without a name';
  const path = encodeURIComponent(a.id);
  return h('li', h('div.card-head', h('a', {href: `#/assistants/${path}`}, name)),
    h('p.clamp', a.description || a.instructions || 'No instructions yet.'),
    h('p.hint', [a.model, `answers ${policies[a.cache?.policy] ?? a.cache?.policy ?? ''}`, `made ${moment(a.created_at * 1000)}`].join(' · ')),
    h('p.hint.mono', a.id),
    h('div.row', h('a.button', {href: `#/chat/${path}`, 'aria-label': `Ask ${name}`}, 'Ask'),
      h('a.button', {href: `#/assistants/${path}`, 'aria-label': `Edit ${name}`}, 'Edit')));
}

