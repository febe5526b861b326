// Elements, made of values and never of HTML: all text ends up in text nodes.

const SVG = 'http://www.w3.org/2000/svg';

/** h('button.primary', {type: 'button', onclick}, 'Save') makes an element. */
export function h(spec, props, ...children) {
  return make(document.createElement(spec.split('.')[0]), spec, props, children);
}

/** svg is h for drawings. */
export function svg(spec, props, ...children) {
  return make(document.createElementNS(SVG, spec.split('.')[0]), spec, props, children);
}

function make(el, spec, props, children) {
  const classes = spec.split('.').slice(1);
  if (classes.length) el.classList.add(...classes);
  // What is no plain object is a child.
  if (props != null && (typeof props !== 'object' || props instanceof Node || Array.isArray(props))) {
    children = [props, ...children];
    props = null;
  }
  for (const [name, value] of Object.entries(props ?? {})) assign(el, name, value);
  append(el, children);
  return el;
}

function assign(el, name, value) {
  if (value == null || value === false) return;
  if (name === 'class') {
    if (value) el.classList.add(...value.split(' '));
  } else if (name.startsWith('on')) el.addEventListener(name.slice(2), value);
  else if (name === 'vars') for (const [k, v] of Object.entries(value)) el.style.setProperty(k, v);
  else if (name === 'value' && 'value' in el) el.value = value;
  else el.setAttribute(name, value === true ? '' : value);
}

function append(el, children) {
  for (const c of children.flat(Infinity)) {
    if (c != null && c !== false) el.append(c instanceof Node ? c : String(c));
  }
}

/** fill replaces what el holds. */
export function fill(el, ...children) {
  el.replaceChildren();
  append(el, children);
  return el;
}

/** say sets a text, and leaves the node alone when it is the same: focus, selection and screen readers notice no change. */
export function say(el, text) {
  const s = String(text);
  if (el.textContent !== s) el.textContent = s;
  return el;
}

/** show hides an element or shows it. */
export function show(el, visible) {
  if (el.hidden === visible) el.hidden = !visible;
  return el;
}

/**
 * keyed keeps one child of box per item, by key, so that a live list does not
 * lose focus: make(item) gives a new child, update(child, item) brings it up to date.
 */
export function keyed(box, items, key, create, update) {
  const known = box.keyedChildren ??= new Map();
  const kept = new Set();
  let at = box.firstElementChild;
  for (const item of items) {
    const k = key(item);
    if (kept.has(k)) continue;
    kept.add(k);
    let child = known.get(k);
    if (!child) known.set(k, child = create(item));
    update?.(child, item);
    if (child === at) at = at.nextElementSibling;
    else box.insertBefore(child, at);
  }
  for (const [k, child] of known) {
    if (!kept.has(k)) {
      child.remove();
      known.delete(k);
    }
  }
}

let ids = 0;

/** uid gives an id for labels and descriptions. */
export const uid = (prefix) => `${prefix}-${++ids}`;

/** field is a label with its control and a hint; errors are said by complain. */
export function field(label, control, hint) {
  const id = control.id || (control.id = uid('field'));
  const error = h('p.error', {id: `${id}-error`, hidden: true});
  const described = [`${id}-error`];
  let note = null;
  if (hint) {
    note = h('p.hint', {id: `${id}-hint`}, hint);
    described.unshift(`${id}-hint`);
  }
  control.setAttribute('aria-describedby', described.join(' '));
  return h('div.field', h('label', {for: id}, label), control, note, error);
}

/** complain shows what is wrong with a control, or takes it back ('' or nothing). */
export function complain(control, message) {
  const error = document.getElementById(`${control.id}-error`);
  if (message) control.setAttribute('aria-invalid', 'true');
  else control.removeAttribute('aria-invalid');
  if (error) show(say(error, message ?? ''), Boolean(message));
}
