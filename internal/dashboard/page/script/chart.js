// Area and line charts over time, drawn as SVG. Each has a title and a
// description, can be read point by point with the pointer or the arrow keys,
// and has its figures as a table.

import {fill, h, keyed, say, show, svg, uid} from './dom.js';
import {NONE, clock, moment} from './format.js';

const M = {right: 10, top: 10, bottom: 22};

/**
 * chart makes a chart. series are {name, value(point), area, faint}; values may be
 * undefined where there is nothing to show. format writes a value for people.
 */
export function chart({title, series, format, height = 200, least = 1, ceiling = Infinity}) {
  const titleID = uid('chart');
  const name = svg('title', {id: titleID}, title);
  const about = svg('desc', {id: `${titleID}-about`});
  const grid = svg('g.grid');
  const shapes = svg('g');
  const cursor = svg('g.cursor', {visibility: 'hidden'});
  const drawing = svg('svg.chart', {
    role: 'img', tabindex: '0', 'aria-labelledby': titleID, 'aria-describedby': `${titleID}-about`, height,
  }, name, about, grid, shapes, cursor);
  const tip = h('div.tip', {hidden: true});
  const rows = h('tbody');
  const table = h('details.figures', h('summary', 'Show as table'), h('div.scroll', {tabindex: '0', role: 'region', 'aria-label': `${title}, as a table`},
    h('table', h('caption.quiet', title), h('thead', h('tr', h('th', {scope: 'col'}, 'Time'), series.map((s) => h('th.n', {scope: 'col'}, s.name)))), rows)));
  const el = h('figure.chart-box', h('div.chart-hold', drawing, tip), table);

  let points = [];
  let step = 1;
  let width = 0;
  let left = 46;
  let at = -1;
  const label = (p) => p.label ?? (step >= 3600 ? moment(p.t) : clock(p.t));
  const x = (i) => left + (points.length < 2 ? 0.5 : i / (points.length - 1)) * (width - left - M.right);
  let top = 1;
  const y = (v) => M.top + (1 - v / top) * (height - M.top - M.bottom);

  function draw() {
    if (!width || !points.length) return;
    drawing.setAttribute('viewBox', `0 0 ${width} ${height}`);
    drawing.setAttribute('width', width);
    const most = Math.max(least, ...points.flatMap((p) => series.map((s) => s.value(p) ?? 0)));
    top = Math.min(ceiling, nice(most));
    // A half is only worth a line where its label differs from the whole's.
    const marks = [0, top / 2, top].map((v) => [v, format(v)]).filter(([, label], i, all) => i !== 1 || label !== all[2][1]);
    left = Math.max(30, ...marks.map(([, label]) => 14 + 6.4 * label.length));
    fill(grid, marks.map(([v, label]) => [
      svg('line', {x1: left, x2: width - M.right, y1: y(v), y2: y(v)}),
      svg('text', {x: left - 8, y: y(v) + 4, 'text-anchor': 'end'}, label),
    ]), times());
    fill(shapes, series.map((s) => runs(points, s.value).map((run) => [
      s.area && svg('path.area', {class: s.faint ? 'faint' : '', d: `M${x(run[0][0])} ${y(0)}L${path(run)}L${x(run.at(-1)[0])} ${y(0)}Z`}),
      run.length === 1 ? svg('circle.dot', {cx: x(run[0][0]), cy: y(run[0][1]), r: 2, class: s.faint ? 'faint' : ''})
        : svg('path.line', {class: s.faint ? 'faint' : '', d: `M${path(run)}`}),
    ])));
    point(Math.min(at, points.length - 1));
  }

  const path = (run) => run.map(([i, v]) => `${x(i).toFixed(1)} ${y(v).toFixed(1)}`).join('L');

  function times() {
    const n = Math.max(2, Math.min(5, Math.floor((width - left) / 120)));
    const marks = [];
    for (let k = 0; k < n; k++) {
      const i = Math.round(k * (points.length - 1) / (n - 1));
      marks.push(svg('text', {x: x(i), y: height - 4, 'text-anchor': k === 0 ? 'start' : k === n - 1 ? 'end' : 'middle'}, label(points[i])));
    }
    return marks;
  }

  // point puts the cursor on a point; -1 takes it away.
  function point(i) {
    at = i;
    const p = points[i];
    cursor.setAttribute('visibility', p ? 'visible' : 'hidden');
    show(tip, Boolean(p));
    if (!p) return;
    fill(cursor, svg('line', {x1: x(i), x2: x(i), y1: M.top, y2: height - M.bottom}),
      series.filter((s) => s.value(p) !== undefined).map((s) => svg('circle', {cx: x(i), cy: y(s.value(p)), r: 3.5, class: s.faint ? 'faint' : ''})));
    fill(tip, h('strong', label(p)), series.map((s) => h('span', h('span', s.name), h('b', write(s.value(p))))));
    const beside = x(i) > width / 2 ? x(i) - tip.offsetWidth - 12 : x(i) + 12;
    tip.style.left = `${Math.max(0, beside)}px`;
  }

  const write = (v) => v === undefined ? NONE : format(v);

  function pointAt(e) {
    if (!points.length) return;
    const box = drawing.getBoundingClientRect();
    const f = (e.clientX - box.left - left) / (width - left - M.right);
    point(Math.max(0, Math.min(points.length - 1, Math.round(f * (points.length - 1)))));
  }

  drawing.addEventListener('pointermove', pointAt);
  drawing.addEventListener('pointerdown', pointAt);
  drawing.addEventListener('pointerleave', () => point(-1));
  drawing.addEventListener('blur', () => point(-1));
  drawing.addEventListener('keydown', (e) => {
    const last = points.length - 1;
    const to = {ArrowLeft: at < 0 ? last : Math.max(0, at - 1), ArrowRight: at < 0 ? 0 : Math.min(last, at + 1), Home: 0, End: last, Escape: -1}[e.key];
    if (to === undefined) return;
    e.preventDefault();
    point(to);
  });
  table.addEventListener('toggle', tell);
  new ResizeObserver(([entry]) => {
    const w = Math.floor(entry.contentRect.width);
    if (w !== width) {
      width = w;
      draw();
    }
  }).observe(el.firstElementChild);

  function tell() {
    const last = points.at(-1);
    say(about, last ? `${points.length} points from ${label(points[0])} to ${label(last)}. Latest: ${series.map((s) => `${s.name} ${write(s.value(last))}`).join(', ')}. Arrow keys read the points.` : 'No figures yet.');
    if (!table.open) return;
    keyed(rows, points.toReversed(), (p) => p.t ?? p.label, (p) => h('tr', h('th', {scope: 'row'}, label(p)), series.map(() => h('td.n'))),
      (row, p) => series.forEach((s, i) => say(row.children[i + 1], write(s.value(p)))));
  }

  return {
    el,
    /** update shows other points, oldest first, each stepSeconds after the one before. */
    update(newPoints, stepSeconds) {
      if (at >= newPoints.length) at = -1;
      points = newPoints;
      step = stepSeconds;
      draw();
      tell();
    },
  };
}

/** runs splits points where a value is missing. */
function runs(points, value) {
  const found = [];
  let run = null;
  points.forEach((p, i) => {
    const v = value(p);
    if (v === undefined || v === null) {
      run = null;
      return;
    }
    if (!run) found.push(run = []);
    run.push([i, v]);
  });
  return found;
}

/** nice gives the next round number. */
function nice(n) {
  const size = 10 ** Math.floor(Math.log10(n));
  return [1, 2, 4, 5, 10].find((f) => f * size >= n) * size;
}
