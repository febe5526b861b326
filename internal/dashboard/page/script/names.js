// What assistants are called, so that people need not read ids.

import {all} from './api.js';

let list = null;
let loading = null;

/** load gives all assistants, newest first; again asks the server anew. */
export async function load({again = false} = {}) {
  if (list && !again) return list;
  loading ??= all('/v1/assistants').then((l) => { list = l; return l; }).finally(() => { loading = null; });
  return loading;
}

/** nameOf gives an assistant's name if it is known by now, or its id. */
export const nameOf = (id) => list?.find((a) => a.id === id)?.name || id;
