// How much does it save? Six figures that mean money, work or time.

import {h, say, show} from '../dom.js';
import {NONE, brief, count, millis, money, percent, share} from '../format.js';

const figures = [
  {name: 'From the cache', hero: true, value: (m) => asked(m) ? percent(m.summary.overallHitRate) : NONE,
    about: (m) => asked(m) ? `${count(m.summary.cacheHits)} of ${count(asked(m))} reads` : 'nothing asked yet'},
  {name: 'Model calls avoided', value: (m) => brief(m.savings.modelCallsAvoided),
    about: (m) => part(m.savings.modelCallsAvoided, m.savings.modelCalls, 'made')},
  {name: 'Queries avoided', value: (m) => brief(m.savings.storeQueriesAvoided),
    about: (m) => part(m.savings.storeQueriesAvoided, m.savings.storeQueries, 'made')},
  {name: 'Tokens saved', value: (m) => brief(m.savings.tokensAvoided), about: (m) => `${brief(m.savings.tokens)} used`},
  {name: 'Money saved', value: (m) => unpriced(m) ? NONE : money(m.savings.moneySaved, m.savings.currency), about: moneyNote},
  {name: 'Time saved', value: (m) => millis(m.savings.timeSavedMs),
    about: (m) => m.savings.timeSpentMs == null ? 'not available' : `${millis(m.savings.timeSpentMs)} spent`},
];

const asked = (m) => m.summary.cacheHits + m.summary.cacheMisses;

function part(avoided, made, word) {
  const s = share(avoided, avoided + made);
  return s === undefined ? 'none yet' : `${percent(s)}; ${count(made)} ${word}`;
}

const unpriced = (m) => m.savings.moneySaved === 0 && m.savings.moneySpent === 0 && m.savings.unpricedModels?.length > 0;

function moneyNote(m) {
  const s = m.savings;
  if (s.moneySaved == null) return 'not available';
  if (unpriced(m)) return `no price for ${s.unpricedModels.join(', ')}`;
  const missing = s.unpricedModels?.length ? `; without ${s.unpricedModels.join(', ')}` : '';
  return `${money(s.moneySpent, s.currency)} spent${missing}`;
}

export function savings() {
  const tiles = figures.map((f) => {
    const value = h('dd.value', NONE);
    const about = h('dd.about');
    return {f, value, about, el: h('div', {class: f.hero ? 'hero' : ''}, h('dt', f.name), value, about)};
  });
  const note = h('p.hint', {hidden: true});
  const since = h('p.hint');
  const el = h('section.panel', {'aria-labelledby': 'savings-title'},
    h('header', h('h2', {id: 'savings-title'}, 'What it saves'), since), h('dl.savings', tiles.map((t) => t.el)), note);
  return {el, update({metrics: m}) {
    if (!m) return;
    for (const t of tiles) {
      say(t.value, t.f.value(m));
      say(t.about, t.f.about(m));
    }
    const from = new Date(m.summary.since);
    say(since, Number.isNaN(from.getTime()) ? '' : `Since ${from.toLocaleString('en-GB', {day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit'})}`);
    show(say(note, m.note ?? ''), Boolean(m.note));
  }};
}
