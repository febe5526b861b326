// What the page knows of the server right now, and who wants to hear of it.
// Figures come as a stream of events; where there is none, they are asked for
// every two seconds until there is.

import {ApiError, call, events, send} from './api.js';

const POLL = 2000;
const HEALTH = 5000;
const MOST_EVENTS = 200;

export const state = {
  metrics: null,
  health: null,
  events: null, // newest first; null: not known
  scope: 'node',
  link: 'connecting', // live | polling | lost
  error: null,
};

const listeners = new Set();

/** subscribe calls back at each change, until the function that it gives is called. */
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function changed() {
  for (const l of listeners) l(state);
}

const pause = (ms, signal) => new Promise((resolve) => {
  const t = setTimeout(resolve, ms);
  signal.addEventListener('abort', () => { clearTimeout(t); resolve(); }, {once: true});
});

let running = null;

/** start follows the server in the given scope; a former start ends. */
export function start(scope = state.scope) {
  stop();
  if (scope !== state.scope) state.metrics = null;
  state.scope = scope;
  state.link = 'connecting';
  running = new AbortController();
  follow(running.signal);
  watchHealth(running.signal);
  readEvents(running.signal);
  changed();
}

export function stop() {
  running?.abort();
  running = null;
}

/** refresh asks at once, after something was changed here. */
export async function refresh() {
  if (!running) return;
  const {signal} = running;
  await Promise.allSettled([poll(signal), readHealth(signal)]);
}

async function follow(signal) {
  let wait = 1000;
  let hasStream = true;
  while (!signal.aborted) {
    try {
      if (hasStream) {
        await stream(signal, () => { wait = 1000; });
      } else {
        await poll(signal);
        link('polling');
        await pause(POLL, signal);
      }
    } catch (err) {
      if (signal.aborted) return;
      if (err instanceof ApiError && err.status === 404 && hasStream) {
        hasStream = false; // an older server; the figures are there all the same
        continue;
      }
      link('lost', err);
      await pause(wait, signal);
      wait = Math.min(wait * 1.6, 10_000);
    }
  }
}

async function stream(signal, began) {
  const res = await send('GET', `/api/cache/live?scope=${state.scope}`, {signal, headers: {Accept: 'text/event-stream'}});
  for await (const e of events(res)) {
    if (signal.aborted) return;
    began();
    if (e.name === 'metrics') {
      state.metrics = JSON.parse(e.data);
      link('live');
    } else if (e.name === 'event') {
      add(JSON.parse(e.data));
      changed();
    }
  }
  if (!signal.aborted) throw new ApiError(0, 'The stream of figures ended.');
}

async function poll(signal) {
  const m = await call('GET', `/api/cache/metrics?scope=${state.scope}`, {signal});
  if (signal.aborted) return;
  state.metrics = m;
  changed();
}

async function watchHealth(signal) {
  while (!signal.aborted) {
    await readHealth(signal);
    await pause(HEALTH, signal);
  }
}

async function readHealth(signal) {
  try {
    const answer = await call('GET', `/api/cache/health?scope=${state.scope}`, {signal, accepts: [503]});
    if (signal.aborted) return;
    state.health = answer;
    state.healthAt = Date.now();
    changed();
  } catch {
    // The figures' own stream tells that the server is away.
  }
}

async function readEvents(signal) {
  try {
    const {events: list} = await call('GET', '/api/cache/events', {signal});
    if (signal.aborted) return;
    state.events ??= [];
    for (const e of list) add(e);
    changed();
  } catch (err) {
    if (err.status === 404) state.events = null;
  }
}

function add(event) {
  state.events ??= [];
  const same = (e) => e.seq === event.seq && e.node === event.node;
  if (event.seq != null && state.events.some(same)) return;
  state.events.unshift(event);
  state.events.sort((a, b) => new Date(b.time) - new Date(a.time) || (b.seq ?? 0) - (a.seq ?? 0));
  state.events.length = Math.min(state.events.length, MOST_EVENTS);
}

function link(to, error = null) {
  state.link = to;
  state.error = error;
  state.at = Date.now();
  changed();
}

// A page that nobody looks at costs the server nothing.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) stop();
  else if (!running) start();
});
