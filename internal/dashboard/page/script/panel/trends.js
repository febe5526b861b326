// Charts over the last minute, hour, day or week.

import {call} from '../api.js';
import {chart} from '../chart.js';
import {h, say, show, uid} from '../dom.js';
import {brief, count, millis, money, percent} from '../format.js';

const windows = {minute: 'Minute', hour: 'Hour', day: 'Day', week: 'Week'};
const every = {minute: 2000, hour: 10_000, day: 60_000, week: 60_000};

export function trends() {
  const name = uid('window');
  let chosen = remembered();
  const picker = h('fieldset.switch', h('legend.quiet', 'Time shown'), Object.entries(windows).map(([value, label]) =>
    h('label', h('input', {type: 'radio', name, value, checked: value === chosen}), h('span', label))));
  const rate = h('p.rate');
  const empty = h('p.empty-note', {hidden: true});
  const requests = chart({title: 'Reads, and those answered from the cache', format: brief, height: 210, series: [
    {name: 'All reads', value: (p) => p.hits + p.misses, area: true, faint: true},
    {name: 'From the cache', value: (p) => p.hits, area: true},
  ]});
  const calls = chart({title: 'Model calls, made and avoided', format: brief, height: 130, series: [
    {name: 'Made', value: (p) => p.modelCalls, faint: true},
    {name: 'Avoided', value: (p) => p.modelCallsAvoided, area: true},
  ]});
  const times = chart({title: 'Response time, average', format: millis, height: 130, least: 0.1, series: [
    {name: 'Average', value: (p) => p.requests > 0 ? p.avgMs : undefined},
  ]});
  let currency = 'USD';
  const saved = chart({title: 'Money saved', format: (n) => money(n, currency), height: 130, least: 0.01, series: [
    {name: 'Saved', value: (p) => p.moneySaved, area: true},
  ]});
  const small = h('div.small-charts', [calls, times, saved].map((c) => h('div', h('h3', c.el.querySelector('title').textContent), c.el)));
  const key = h('p.legend', h('span.mark.faint', {'aria-hidden': 'true'}), 'All reads', h('span.mark', {'aria-hidden': 'true'}), 'From the cache');
  const charts = h('div', key, requests.el, small);
  const el = h('section.panel', {'aria-labelledby': 'trends-title'},
    h('header', h('h2', {id: 'trends-title'}, 'Over time'), rate, picker), empty, charts);

  let asked = 0;
  let left = false;
  let scope = '';
  picker.addEventListener('change', (e) => {
    chosen = e.target.value;
    try { sessionStorage.setItem('deja-window', chosen); } catch { /* then it is the minute next time */ }
    asked = 0;
    read();
  });

  async function read() {
    asked = Date.now();
    const [w, s] = [chosen, scope];
    try {
      const answer = await call('GET', `/api/cache/timeline?window=${w}&scope=${s}`);
      if (left || w !== chosen || s !== scope) return;
      const points = answer.points ?? [];
      for (const c of [requests, calls, times, saved]) c.update(points, answer.stepSeconds);
      const hits = points.reduce((sum, p) => sum + p.hits, 0);
      const all = points.reduce((sum, p) => sum + p.hits + p.misses, 0);
      say(rate, all ? `${percent(100 * hits / all)} of ${count(all)} reads` : 'no reads');
      show(empty, false);
      show(charts, true);
    } catch (err) {
      if (left) return;
      if (err.status === 404) {
        asked = Infinity;
        say(empty, 'This server keeps no history. Update it to see charts here.');
      } else say(empty, `The history could not be read: ${err.message}`);
      show(empty, true);
      show(charts, err.status !== 404);
    }
  }

  return {
    el,
    update({metrics, scope: s}) {
      if (!metrics) return;
      currency = metrics.savings?.currency ?? currency;
      if (s !== scope || Date.now() - asked >= every[chosen]) {
        scope = s;
        read();
      }
    },
    leave() { left = true; },
  };
}

function remembered() {
  try {
    const w = sessionStorage.getItem('deja-window');
    return w in windows ? w : 'minute';
  } catch {
    return 'minute';
  }
}
