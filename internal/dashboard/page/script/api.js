// Calls to the server that the page came from: JSON, streams of events and of
// lines, and the API key, which lives as long as the tab.

const KEY = 'deja-api-key';

/** ApiError is a refusal, in the words of the server. */
export class ApiError extends Error {
  constructor(status, message, {code, param} = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.param = param;
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEY) ?? '',
  set: (k) => sessionStorage.setItem(KEY, k),
  forget: () => sessionStorage.removeItem(KEY),
};

let askForKey = null; // (message) => Promise<string>
let asking = null; // one question, however many calls wait for it

/** onKeyNeeded says how a key is asked for. */
export function onKeyNeeded(ask) {
  askForKey = ask;
}

/** newKey asks for a key, unless another call has got one since. */
export async function newKey(used, message) {
  if (key.get() && key.get() !== used) return;
  asking ??= askForKey(message).then((k) => key.set(k)).finally(() => { asking = null; });
  await asking;
}

function headersWith(extra) {
  const headers = new Headers(extra);
  if (key.get()) headers.set('Authorization', `Bearer ${key.get()}`);
  return headers;
}

/**
 * send gives the response of a call. Statuses other than 2xx and those in
 * accepts are thrown as ApiError; 401 asks for a key and calls again.
 */
export async function send(method, path, {json, headers, signal, accepts = []} = {}) {
  for (;;) {
    const used = key.get();
    const h = headersWith(headers);
    if (json !== undefined) h.set('Content-Type', 'application/json');
    let res;
    try {
      // No cache mode here: fetch would say it in Cache-Control, which the server takes for a wish.
      res = await fetch(path, {method, headers: h, signal, body: json === undefined ? undefined : JSON.stringify(json)});
    } catch (err) {
      if (err.name === 'AbortError') throw err;
      throw new ApiError(0, 'The server does not answer. Is it running, and reachable from here?');
    }
    if (res.status === 401) {
      await newKey(used, (await refusal(res)).message);
      continue;
    }
    if (!res.ok && !accepts.includes(res.status)) throw await refusal(res);
    return res;
  }
}

/** refusal reads an error in either API's shape. */
async function refusal(res) {
  const body = await res.json().catch(() => null);
  return refusalOf(res.status, body, res.statusText);
}

export function refusalOf(status, body, text) {
  const e = body?.error;
  if (e?.message) return new ApiError(status, e.message, {code: e.code, param: e.param});
  return new ApiError(status, body?.message || `The server answered ${status} ${text ?? ''}.`.replace(' .', '.'));
}

/** call gives the JSON of an answer. */
export async function call(method, path, options) {
  const res = await send(method, path, options);
  return res.json();
}

/** all walks through the pages of a list of /v1. */
export async function all(path, {signal} = {}) {
  const items = [];
  for (let after = ''; ;) {
    const page = await call('GET', `${path}?limit=100&order=desc${after && `&after=${encodeURIComponent(after)}`}`, {signal});
    items.push(...page.data);
    if (!page.has_more || !page.last_id || items.length >= 1000) return items;
    after = page.last_id;
  }
}

/** lines gives the lines of a body as they come. */
export async function* lines(res) {
  const reader = res.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const {value, done} = await reader.read();
      if (done) break;
      const parts = (rest + value).split(/\r\n|\n/);
      rest = parts.pop();
      yield* parts;
    }
    if (rest) yield rest;
  } finally {
    reader.cancel().catch(() => {}); // the reader may leave before the end
  }
}

/** events gives the server-sent events of a body: {name, data}. */
export async function* events(res) {
  let name = '';
  let data = [];
  for await (const line of lines(res)) {
    if (line === '') {
      if (data.length) yield {name, data: data.join('\n')};
      name = '';
      data = [];
    } else if (line.startsWith('event:')) name = line.slice(6).trim();
    else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
  }
}

/** upload sends a file with XMLHttpRequest, which unlike fetch tells how far it is. */
export function upload(path, form, {progress, signal}) {
  const used = key.get();
  return new Promise((resolve, reject) => {
    const x = new XMLHttpRequest();
    x.open('POST', path);
    x.responseType = 'json';
    if (used) x.setRequestHeader('Authorization', `Bearer ${used}`);
    x.upload.onprogress = (e) => progress(e.lengthComputable ? e.loaded / e.total : undefined);
    x.upload.onload = () => progress(1);
    x.onload = async () => {
      if (x.status === 401) {
        newKey(used, refusalOf(401, x.response).message).then(() => upload(path, form, {progress, signal})).then(resolve, reject);
      } else if (x.status >= 200 && x.status < 300) resolve(x.response);
      else reject(refusalOf(x.status, x.response, x.statusText));
    };
    x.onerror = () => reject(new ApiError(0, 'The connection broke before the file was there. Try again.'));
    x.onabort = () => reject(new DOMException('The upload was stopped.', 'AbortError'));
    signal?.addEventListener('abort', () => x.abort(), {once: true});
    x.send(form);
  });
}
