// The data of an assistant: upload files, see what was found in them, delete.

import {all, call, upload} from '../api.js';
import {confirm, notice} from '../dialog.js';
import {field, fill, h, say, show, uid} from '../dom.js';
import {bytes, moment, percent, plural} from '../format.js';
import {icon} from '../icons.js';

export function sources(assistantID, signal) {
  const path = `/v1/assistants/${encodeURIComponent(assistantID)}/data_sources`;
  const list = h('ul.sources', {'aria-label': 'Data sources'});
  const empty = h('p.empty-note', {hidden: true}, 'No data yet. Upload a table: its columns and types are found out, and the model can query its rows.');
  const bar = h('progress', {max: 1, value: 0, 'aria-label': 'Upload', hidden: true});
  const told = h('p.hint', {role: 'status'});
  const error = h('p.error', {role: 'alert', hidden: true});
  const id = uid('file');
  const file = h('input.quiet-input', {id, type: 'file'});
  const name = h('input', {type: 'text', autocomplete: 'off', maxlength: 256});
  const drop = h('div.drop', icon('file'), h('p', h('label.browse', {for: id}, 'Choose a file'), ' or drop it here.'), file,
    h('p.hint', 'CSV, TSV, XLSX, JSON, plain text and more, as the server can read them.'));
  const el = h('div.stack', drop, h('details', h('summary', 'Give it another name'), h('div.fold', field('Name of the data source', name, 'Empty: the name of the file.'))),
    bar, told, error, empty, list);
  let busy = false;

  file.addEventListener('change', () => { if (file.files[0]) send(file.files[0]); });
  drop.addEventListener('dragover', (e) => {
    e.preventDefault();
    drop.classList.add('over');
  });
  drop.addEventListener('dragleave', () => drop.classList.remove('over'));
  drop.addEventListener('drop', (e) => {
    e.preventDefault();
    drop.classList.remove('over');
    if (e.dataTransfer.files[0]) send(e.dataTransfer.files[0]);
  });

  async function send(f) {
    if (busy) return;
    busy = true;
    file.disabled = true;
    show(error, false);
    show(bar, true);
    const form = new FormData();
    if (name.value.trim()) form.set('name', name.value.trim());
    form.set('file', f);
    try {
      const made = await upload(path, form, {signal, progress(part) {
        if (part === undefined || part === 1) {
          bar.removeAttribute('value');
          say(told, `${f.name} is there; its tables are being read …`);
        } else {
          bar.value = part;
          say(told, `${f.name}: ${percent(100 * part)} of ${bytes(f.size)}`);
        }
      }});
      say(told, `${made.name}: ${plural(made.tables.length, 'table')}, ${plural(made.tables.reduce((n, t) => n + t.row_count, 0), 'row')}.`);
      name.value = '';
      await read(made.id);
    } catch (err) {
      if (err.name === 'AbortError') return;
      say(told, '');
      say(error, err.message);
      show(error, true);
    } finally {
      busy = false;
      file.disabled = false;
      file.value = '';
      show(bar, false);
    }
  }

  async function read(opened) {
    const found = await all(path, {signal});
    show(empty, found.length === 0);
    fill(list, found.map((s) => source(s, s.id === opened)));
  }

  function source(s, open) {
    return h('li', h('details', {open}, h('summary', h('strong', s.name), ' ', h('span.hint', [s.filename, bytes(s.bytes), plural(s.tables.length, 'table'), moment(s.created_at * 1000)].join(' · '))),
      s.tables.map(table),
      h('div.row.end', h('button.danger', {type: 'button', onclick: () => remove(s), 'aria-label': `Delete ${s.name}`}, 'Delete this source'))));
  }

  function remove(s) {
    confirm({
      title: `Delete ${s.name}?`, danger: true, action: 'Delete',
      text: h('p', 'Its rows are deleted, and answers that were made with them are dropped from the cache.'),
      async act() {
        await call('DELETE', `${path}/${encodeURIComponent(s.id)}`);
        notice(`${s.name} is deleted.`);
        await read();
      },
    });
  }

  read().catch((err) => {
    if (signal.aborted) return;
    say(error, err.message);
    show(error, true);
  });
  return {el};
}

function table(t) {
  return h('div.schema', h('h4', t.name, ' ', h('span.hint', plural(t.row_count, 'row'))),
    h('div.scroll', {tabindex: '0', role: 'region', 'aria-label': `Columns of ${t.name}`}, h('table', h('caption.quiet', `Columns of ${t.name}`),
      h('thead', h('tr', ['Column', 'Type', 'Empty', 'Range', 'Examples'].map((n) => h('th', {scope: 'col'}, n)))),
      h('tbody', t.columns.map((c) => h('tr', h('th', {scope: 'row'}, c.name), h('td', c.type), h('td', c.nullable ? plural(c.nulls, 'value') : 'never'),
        h('td', c.min !== undefined && c.max !== undefined ? `${c.min} to ${c.max}` : c.distinct ? `${c.distinct} different` : '–'),
        h('td', (c.examples ?? []).slice(0, 4).join(', ') || '–')))))));
}
