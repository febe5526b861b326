// Numbers, money, sizes and times as people read them. What the server did not
// tell is a dash, never a zero.

export const NONE = '–';

const whole = new Intl.NumberFormat('en', {maximumFractionDigits: 0});
const compact = new Intl.NumberFormat('en', {notation: 'compact', maximumFractionDigits: 1});
const missing = (n) => n == null || Number.isNaN(n);

export const count = (n) => missing(n) ? NONE : whole.format(n);

/** brief is count where there is little room: 12.4K. */
export const brief = (n) => missing(n) ? NONE : Math.abs(n) < 10_000 ? whole.format(n) : compact.format(n);

export function percent(n) {
  if (missing(n)) return NONE;
  return `${n > 0 && n < 100 ? n.toFixed(1) : Math.round(n)} %`;
}

/** share gives part of whole in percent; undefined of nothing. */
export const share = (part, all) => all > 0 ? 100 * part / all : undefined;

/** millis gives a duration in milliseconds in the unit that suits it. */
export function millis(ms) {
  if (missing(ms)) return NONE;
  if (ms === 0) return '0 ms';
  if (ms < 1) return `${Math.max(1, Math.round(ms * 1000))} µs`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return span(ms / 1000);
}

/** span gives a longer duration in its two largest units. */
export function span(seconds) {
  if (missing(seconds)) return NONE;
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  const parts = [[86_400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  const i = parts.findIndex(([size]) => s >= size);
  const [big, small] = [parts[i], parts[i + 1]];
  const rest = Math.floor(s % big[0] / small[0]);
  return `${Math.floor(s / big[0])} ${big[1]}${rest ? ` ${rest} ${small[1]}` : ''}`;
}

export function bytes(n) {
  if (missing(n)) return NONE;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let i = 0;
  while (Math.abs(n) >= 1024 && i < units.length - 1) {
    n /= 1024;
    i++;
  }
  return `${i && n < 100 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

/** money keeps enough digits to tell a cheap answer from a free one. */
export function money(n, currency = 'USD') {
  if (missing(n)) return NONE;
  const size = Math.abs(n);
  const digits = size === 0 || size >= 0.1 ? 2 : Math.min(6, Math.ceil(-Math.log10(size)) + 1);
  try {
    return new Intl.NumberFormat('en', {style: 'currency', currency, minimumFractionDigits: digits, maximumFractionDigits: digits}).format(n);
  } catch {
    return `${n.toFixed(digits)} ${currency}`; // a currency that the browser does not know
  }
}

const clockFormat = new Intl.DateTimeFormat('en-GB', {hour: '2-digit', minute: '2-digit', second: '2-digit'});
const momentFormat = new Intl.DateTimeFormat('en-GB', {day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit'});
const valid = (t) => t != null && !Number.isNaN(new Date(t).getTime());

/** clock gives the time of day, moment the day as well. */
export const clock = (t) => valid(t) ? clockFormat.format(new Date(t)) : NONE;
export const moment = (t) => valid(t) ? momentFormat.format(new Date(t)) : NONE;

/** since says how long ago something was. */
export function since(t, now = Date.now()) {
  if (!valid(t)) return NONE;
  const s = (now - new Date(t).getTime()) / 1000;
  return s < 2 ? 'just now' : `${span(s)} ago`;
}

/** plural(1, 'node') is "1 node". */
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

const layerNames = {
  assistant_data: 'Assistant data', schema: 'Schema info', thread_ctx: 'Thread context', message: 'Answers',
  model: 'Model', store: 'Store', query_data: 'Data query', rate_limit: 'Rate limits',
};

/** layerName gives a layer's name for people; others are shown as they are. */
export const layerName = (name) => layerNames[name] ?? name;
