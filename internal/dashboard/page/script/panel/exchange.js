// A question and its answer in the chat, with what it took.

import {fill, h, say, show} from '../dom.js';
import {count, millis, money, span} from '../format.js';
import {waterfall} from './waterfall.js';

const outcomes = {
  hit: ['From the cache', 'good'], similar: ['From the cache, a similar question', 'good'], coalesced: ['Shared with whoever asked the same', 'good'],
  miss: ['Asked the model', 'plain'], bypass: ['Not cached', 'plain'], refresh: ['Asked the model anew', 'plain'],
};

/** exchange shows a question; text, headers, finish and fail tell it how the answer goes. */
export function exchange(question, {again, afresh}) {
  const answer = h('p.answer');
  const badge = h('p.badge', {hidden: true});
  const wait = h('p.waiting', {'aria-label': 'Waiting for the answer'}, h('span'), h('span'), h('span'));
  const error = h('p.error', {role: 'alert', hidden: true});
  const facts = h('div.facts-line', {hidden: true});
  const more = h('details.took', {hidden: true}, h('summary'));
  const buttons = h('div.row', {hidden: true},
    h('button', {type: 'button', onclick: again}, 'Ask again'), h('button', {type: 'button', onclick: afresh}, 'Ask without the cache'));
  const el = h('article.exchange', {'aria-label': question}, h('p.question', question), h('div.reply', wait, answer, error, badge, facts, more, buttons));
  let told = '';

  const tag = (outcome, age, stale) => {
    const [words, tone] = outcomes[outcome] ?? [outcome, 'plain'];
    show(badge, Boolean(outcome));
    badge.dataset.tone = stale ? 'warn' : tone;
    badge.dataset.outcome = outcome;
    say(badge, [words, age !== undefined && `${span(age)} old`, stale && 'stale: the model does not answer'].filter(Boolean).join(' · '));
  };

  return {
    el,
    headers: ({outcome, age, stale}) => tag(outcome, age, stale),
    text(piece) {
      show(wait, false);
      told += piece;
      answer.textContent = told;
    },
    finish(a) {
      show(wait, false);
      if (!told) say(answer, a.tools ? `The model asks for ${a.tools.join(', ')}. A program that uses the API would call it now; this page cannot.` : 'The answer is empty.');
      tag(a.outcome, a.age, a.stale);
      fill(facts, [
        [a.firstAt !== undefined && millis(a.firstAt), 'first word'], [millis(a.endAt), 'whole'],
        [a.usage && count(a.usage.total_tokens), 'tokens'],
        [a.cost !== undefined && money(a.cost, a.currency), 'cost'], [a.saved !== undefined && money(a.saved, a.currency), 'saved'],
      ].filter(([v]) => v).map(([v, name]) => h('span', h('b', v), ` ${name}`)));
      show(facts, true);
      const spent = a.timing.length ? `${a.timing.length} layers` : 'timing';
      say(more.firstElementChild, `Where the time went (${spent})`);
      more.append(waterfall(a));
      if (a.key) more.append(h('p.hint', 'Entry: ', h('a.mono', {href: `#/cache/entry/${encodeURIComponent(a.key)}`}, a.key)));
      more.open = true;
      show(more, true);
      show(buttons, true);
    },
    fail(message) {
      show(wait, false);
      say(error, message);
      show(error, true);
      show(buttons, true);
    },
  };
}
