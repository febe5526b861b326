// The frame around the views: places, scope, colours, key, and what is live.

import {key, onKeyNeeded} from './api.js';
import {fill, h, say, show} from './dom.js';
import {askKey} from './dialog.js';
import {start, state, subscribe} from './live.js';
import {overview} from './view/overview.js';
import {cacheView} from './view/cache.js';
import {assistants} from './view/assistants.js';
import {assistant} from './view/assistant.js';
import {chat} from './view/chat.js';
import {fleet} from './view/fleet.js';
import {clock} from './format.js';

const main = document.getElementById('main');

// A view is made for its place and gives {title, el, update?, leave?}.
function viewOf([place = '', ...rest]) {
  switch (place) {
    case '': return ['overview', overview];
    case 'cache': return ['cache', cacheView];
    case 'assistants': return ['assistants', rest.length ? assistant : assistants];
    case 'chat': return ['chat', chat];
    case 'fleet': return ['fleet', fleet];
  }
  return ['', nowhere];
}

function nowhere() {
  return {title: 'Not found', el: h('section.empty', h('h1', {tabindex: '-1'}, 'There is nothing here'),
    h('p', 'No place of this page has that address.'), h('a.button', {href: '#/'}, 'Go to the overview'))};
}

let current = null;
let currentMake = null;

function route() {
  const path = location.hash.replace(/^#\/?/, '').split('?')[0];
  const parts = path.split('/').filter(Boolean).map((p) => {
    try { return decodeURIComponent(p); } catch { return p; }
  });
  const [place, make] = viewOf(parts);
  // A view that can move within itself is kept: its inputs and its scroll stay.
  if (current?.move && currentMake === make && current.move(parts.slice(1))) return;
  const first = current === null;
  current?.leave?.();
  current = make(parts.slice(1), state);
  currentMake = make;
  document.title = `${current.title} · deja`;
  fill(main, current.el);
  for (const a of document.querySelectorAll('[data-place]')) {
    if (a.dataset.place === place) a.setAttribute('aria-current', 'page');
    else a.removeAttribute('aria-current');
  }
  current.update?.(state);
  if (!first) {
    scrollTo(0, 0);
    main.querySelector('h1')?.focus({preventScroll: true});
  }
}

// Scope
const scopeBox = document.getElementById('scope');
let scopeChosen = false;

function choose(scope) {
  for (const radio of scopeBox.querySelectorAll('input')) radio.checked = radio.value === scope;
}

scopeBox.addEventListener('change', (e) => {
  scopeChosen = true;
  remember('deja-scope', e.target.value);
  start(e.target.value);
});

// Colours
const themeButton = document.getElementById('theme');
const dark = matchMedia('(prefers-color-scheme: dark)');
const themeNow = () => document.documentElement.dataset.theme || (dark.matches ? 'dark' : 'light');

function nameTheme() {
  const other = themeNow() === 'dark' ? 'light' : 'dark';
  themeButton.setAttribute('aria-label', `Switch to ${other} colours`);
  themeButton.title = `Switch to ${other} colours`;
}

themeButton.addEventListener('click', () => {
  const theme = themeNow() === 'dark' ? 'light' : 'dark';
  document.documentElement.dataset.theme = theme;
  remember('deja-theme', theme);
  nameTheme();
});
dark.addEventListener('change', nameTheme);

function remember(name, value) {
  try { localStorage.setItem(name, value); } catch { /* private windows may have none */ }
}

function remembered(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}

// Key
const forget = document.getElementById('forget-key');
onKeyNeeded(async (message) => {
  const k = await askKey(message);
  show(forget, true);
  return k;
});
forget.addEventListener('click', () => {
  key.forget();
  location.reload();
});

// What is live
const linkState = document.getElementById('link-state');
const links = {connecting: 'Connecting', live: 'Live', polling: 'Every 2 s', lost: 'Not connected'};

subscribe((s) => {
  if (linkState.dataset.link !== s.link) {
    linkState.dataset.link = s.link;
    say(linkState, links[s.link]);
  }
  linkState.title = s.metrics?.timestamp ? `Figures of ${clock(s.metrics.timestamp)}` : '';
  // Where there is a fleet, its figures are what one wants to see first.
  if (!scopeChosen && s.health) {
    scopeChosen = true;
    if (s.health.cache?.provider?.includes('redis') && s.scope === 'node') {
      choose('fleet');
      start('fleet');
      return;
    }
  }
  current?.update?.(s);
});

document.querySelector('[data-skip]').addEventListener('click', (e) => {
  e.preventDefault(); // the hash is the place
  main.focus();
});

addEventListener('hashchange', route);
show(forget, Boolean(key.get()));
nameTheme();
const scope = remembered('deja-scope');
scopeChosen = scope === 'node' || scope === 'fleet';
choose(scopeChosen ? scope : 'node');
route();
start(scopeChosen ? scope : 'node');
