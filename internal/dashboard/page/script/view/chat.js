// A chat to try an assistant: the answer as it streams, where its time went,
// and what it cost or saved.

import {call} from '../api.js';
import {notice} from '../dialog.js';
import {fill, h, show, uid} from '../dom.js';
import {icon} from '../icons.js';
import {refresh} from '../live.js';
import {load} from '../names.js';
import {ask} from '../question.js';
import {exchange} from '../panel/exchange.js';

export function chat([wanted]) {
  const picker = h('select', {id: uid('assistant'), onchange: () => { location.hash = `#/chat/${encodeURIComponent(picker.value)}`; }});
  const follow = h('input', {type: 'checkbox'});
  const talk = h('div.talk', {role: 'log', 'aria-label': 'Questions and answers', 'aria-live': 'polite'});
  const ideas = h('div.ideas');
  const empty = h('section.empty');
  const box = h('textarea', {id: uid('question'), rows: 2, placeholder: 'Ask something', required: true});
  const stopButton = h('button', {type: 'button', hidden: true}, icon('stop'), 'Stop');
  const submit = h('button.primary', {type: 'submit'}, icon('send'), 'Ask');
  const form = h('form.ask', {onsubmit: (e) => { e.preventDefault(); put(box.value); }},
    h('label.quiet', {for: box.id}, 'Your question'), box, h('div.row.send', h('label.check', follow, h('span', 'Remember the conversation')), h('span.gap'), stopButton, submit));
  const el = h('div.chat', h('header.view', h('h1', {tabindex: '-1'}, 'Chat'), h('div.row',
    h('div.inline-field', h('label', {for: picker.id}, 'Assistant'), picker), h('button', {type: 'button', onclick: fresh}, 'Start anew'))),
  empty, talk, ideas, form);

  let id = wanted ?? '';
  let threadID = null; // of the conversation that is remembered
  let running = null;
  const stop = new AbortController();

  follow.addEventListener('change', () => { threadID = null; });
  box.addEventListener('keydown', (e) => {
    if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) {
      e.preventDefault();
      form.requestSubmit();
    }
  });
  stopButton.addEventListener('click', () => running?.abort());

  function fresh() {
    running?.abort();
    threadID = null;
    fill(talk);
    show(empty, true);
    show(ideas, true);
    box.focus();
  }

  load({again: true}).then((list) => {
    if (stop.signal.aborted) return;
    if (!list.length) {
      show(form, false);
      show(picker.parentElement, false);
      fill(empty, h('h2', 'There is nobody to ask yet'), h('p', 'Make an assistant first, and give it some data if you like.'), h('a.button.primary', {href: '#/assistants/new'}, 'New assistant'));
      return;
    }
    if (!list.some((a) => a.id === id)) {
      if (id) notice('That assistant is gone; here is another.');
      history.replaceState(null, '', `#/chat/${encodeURIComponent(list[0].id)}`);
      id = list[0].id;
    }
    fill(picker, list.map((a) => h('option', {value: a.id, selected: a.id === id}, a.name || a.id)));
    introduce(list.find((a) => a.id === id));
  }, (err) => fill(empty, h('p.error', {role: 'alert'}, err.message)));

  async function introduce(a) {
    fill(empty, h('h2', `Ask ${a.name || 'this assistant'} something, twice`),
      h('p', {off: 'Its answers are not cached, so each question costs a model call.', thread: 'The second time, the answer comes from the cache, at once and for nothing.', assistant: 'The second time, whoever asks gets the answer from the cache, at once and for nothing.'}[a.cache?.policy] ?? ''));
    try {
      const schema = await call('GET', `/v1/assistants/${encodeURIComponent(a.id)}/schema`, {signal: stop.signal});
      fill(ideas, questions(schema.tables ?? []).map((q) => h('button.idea', {type: 'button', onclick: () => put(q)}, q)));
    } catch {
      // Without a schema there are no ideas.
    }
  }

  async function put(text, {noCache = false} = {}) {
    const question = text.trim();
    if (!question || running || !id) return;
    running = new AbortController();
    const {signal} = running;
    box.value = '';
    show(empty, false);
    show(ideas, false);
    submit.disabled = true;
    show(stopButton, true);
    talk.setAttribute('aria-busy', 'true');
    const shown = exchange(question, {again: () => put(question), afresh: () => put(question, {noCache: true})});
    talk.append(shown.el);
    shown.el.scrollIntoView({block: 'nearest'});
    try {
      const answer = await ask({assistantID: id, question, noCache, remember: follow.checked, threadID, signal, onText: shown.text, onHeaders: shown.headers});
      threadID = answer.threadID;
      shown.finish(answer);
    } catch (err) {
      shown.fail(err.name === 'AbortError' ? 'Stopped. A cut answer is not cached.' : err.message);
    } finally {
      running = null;
      submit.disabled = false;
      show(stopButton, false);
      talk.setAttribute('aria-busy', 'false');
      shown.el.scrollIntoView({block: 'nearest'});
      refresh();
    }
  }

  return {
    title: 'Chat', el,
    leave() {
      running?.abort();
      stop.abort();
    },
  };
}

// questions proposes a few that the data can answer.
function questions(tables) {
  const ideas = [];
  for (const t of tables.slice(0, 2)) {
    const numbers = t.columns.find((c) => (c.type === 'number' || c.type === 'integer') && !/(^|_)id$/i.test(c.name));
    const things = t.name.replaceAll('_', ' ');
    ideas.push(things.endsWith('s') ? `How many ${things} are there?` : `How many rows does ${things} have?`);
    if (numbers) ideas.push(`What is the average ${numbers.name.replaceAll('_', ' ')}${things.endsWith('s') ? ` of the ${things}` : ''}?`);
  }
  return ideas.slice(0, 3);
}

