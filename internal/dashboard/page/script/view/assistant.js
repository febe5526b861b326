// One assistant: its settings, its data, and the levers on its cache.

import {call} from '../api.js';
import {confirm, notice} from '../dialog.js';
import {fill, h, uid} from '../dom.js';
import {invalidate, warm} from '../levers.js';
import {load} from '../names.js';
import {assistantForm} from '../panel/form.js';
import {sources} from '../panel/sources.js';

export function assistant([id], state) {
  const isNew = id === 'new';
  const path = `/v1/assistants/${encodeURIComponent(id)}`;
  const title = h('h1', {tabindex: '-1'}, isNew ? 'New assistant' : '…');
  const buttons = h('div.row');
  const box = h('div', h('p.hint', 'Loading…'));
  const el = h('div', h('nav.crumbs', {'aria-label': 'Where this is'}, h('a', {href: '#/assistants'}, 'Assistants')), h('header.view', h('div', title, isNew ? null : h('p.hint.mono', id)), buttons), box);
  const stop = new AbortController();
  const view = {title: isNew ? 'New assistant' : 'Assistant', el, leave: () => stop.abort()};

  if (isNew) {
    const form = assistantForm({model: state.health?.model ?? '', cache: {policy: 'thread', skip: {}}}, {
      action: 'Create the assistant',
      async save(body) {
        const made = await call('POST', '/v1/assistants', {json: body});
        await load({again: true}).catch(() => {});
        notice(`${made.name || 'The assistant'} is there. Give it data, or ask it something.`);
        location.hash = `#/assistants/${encodeURIComponent(made.id)}`;
      },
    });
    fill(box, section('Settings', form));
    const model = form.elements.namedItem('model');
    view.update = ({health}) => { // the model that the server would ask by default
      if (health && !model.value && !model.dataset.touched) model.value = health.model;
    };
    model.addEventListener('input', () => { model.dataset.touched = 'yes'; }, {once: true});
    return view;
  }

  const data = sources(id, stop.signal);
  call('GET', path, {signal: stop.signal}).then(draw, (err) => {
    if (stop.signal.aborted) return;
    title.textContent = err.status === 404 ? 'No such assistant' : 'Not available';
    fill(box, h('section.empty', h('p', err.message), h('a.button', {href: '#/assistants'}, 'Back to all assistants')));
  });

  function name(a) {
    title.textContent = a.name || 'Without a name';
    document.title = `${a.name || a.id} · deja`;
  }

  function draw(a) {
    name(a);
    fill(buttons,
      h('a.button.primary', {href: `#/chat/${encodeURIComponent(id)}`}, 'Ask it'),
      h('button', {type: 'button', onclick: () => warm([a])}, 'Warm'),
      h('button', {type: 'button', onclick: () => invalidate('assistant', id, a.name || id)}, 'Invalidate'),
      h('button.danger', {type: 'button', onclick: () => remove(a)}, 'Delete'));
    const form = assistantForm(a, {
      action: 'Save the changes',
      async save(body) {
        const changed = await call('POST', path, {json: body});
        name(changed);
        await load({again: true}).catch(() => {});
        notice('Saved. What was cached of the old settings is not served any more.');
      },
    });
    fill(box, section('Data', data.el), section('Settings', form));
  }

  function remove(a) {
    confirm({
      title: `Delete ${a.name || 'this assistant'}?`,
      text: h('p', 'The assistant, its data sources and all that is cached of it are deleted. This cannot be undone.'),
      action: 'Delete', danger: true,
      async act() {
        await call('DELETE', path);
        await load({again: true}).catch(() => {});
        location.hash = '#/assistants';
        notice(`${a.name || id} is deleted.`);
      },
    });
  }

  return view;
}

function section(title, content) {
  const id = uid('section');
  return h('section.panel', {'aria-labelledby': id}, h('header', h('h2', {id}, title)), content);
}
