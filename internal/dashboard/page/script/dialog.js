// Dialogs and notices. Dialogs are modal <dialog>s: the browser keeps the focus
// inside, closes them on Escape, and gives the focus back.

import {complain, field, fill, h, uid} from './dom.js';
import {icon} from './icons.js';

/** open shows a dialog until it closes; body gets a function that closes it. */
export function open(title, body, {sheet = false, closed, closable = true} = {}) {
  const id = uid('dialog');
  const close = () => dialog.close();
  const dialog = h(sheet ? 'dialog.sheet' : 'dialog', {'aria-labelledby': id},
    h('header', h('h2', {id, tabindex: '-1'}, title), closable && closeButton(close)));
  const box = h('div.dialog-body');
  dialog.append(box);
  fill(box, body(close));
  dialog.addEventListener('cancel', (e) => { if (!closable) e.preventDefault(); });
  dialog.addEventListener('click', (e) => { if (closable && e.target === dialog) close(); });
  dialog.addEventListener('close', () => {
    dialog.remove();
    closed?.();
  });
  document.body.append(dialog);
  dialog.showModal();
  return {dialog, box, close};
}

function closeButton(close) {
  return h('button.icon', {type: 'button', 'aria-label': 'Close', onclick: close}, icon('close'));
}

/**
 * confirm asks before something is done, does it, and shows what came of it.
 * act() gives what is shown as the outcome.
 */
export function confirm({title, text, action, danger = false, act, done}) {
  return open(title, (close) => {
    const error = h('p.error', {role: 'alert', hidden: true});
    const go = h('button', {type: 'button', class: danger ? 'danger' : 'primary'}, action);
    const body = h('div.stack', text, error,
      h('div.row.end', h('button', {type: 'button', onclick: close}, 'Cancel'), go));
    go.addEventListener('click', async () => {
      go.disabled = true;
      go.classList.add('busy');
      try {
        const outcome = await act();
        if (outcome == null) {
          close();
        } else {
          const ok = h('button.primary', {type: 'button', onclick: close}, 'Done');
          fill(body, h('div.outcome', {role: 'status'}, outcome), h('div.row.end', ok));
          ok.focus();
        }
        done?.();
      } catch (err) {
        error.hidden = false;
        error.textContent = err.message;
        go.disabled = false;
        go.classList.remove('busy');
      }
    });
    return body;
  });
}

/** askKey asks for an API key until one is given. */
export function askKey(message) {
  return new Promise((resolve) => {
    open('An API key is needed', (close) => {
      const input = h('input', {type: 'password', autocomplete: 'off', spellcheck: 'false', required: true, autofocus: true});
      return h('form.stack', {
        onsubmit: (e) => {
          e.preventDefault();
          const k = input.value.trim();
          if (!k) {
            complain(input, 'Type the key first.');
            return;
          }
          close();
          resolve(k);
        },
        novalidate: true,
      }, h('p', message), field('API key', input, 'One of the keys in DEJA_API_KEYS. It is kept in this tab only, and forgotten when the tab is closed.'),
      h('div.row.end', h('button.primary', {type: 'submit'}, 'Continue')));
    }, {closable: false});
  });
}

/** notice says something at the edge for a while. */
export function notice(text, {bad = false} = {}) {
  const box = document.getElementById('notices');
  const el = h('p.notice', {class: bad ? 'bad' : ''}, text);
  box.append(el);
  setTimeout(() => el.remove(), 6000);
}
