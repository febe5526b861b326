// One question to an assistant: by itself as a chat completion, or on a thread
// that remembers. Either way the answer comes as a stream.

import {ApiError, call, events, refusalOf, send} from './api.js';
import {parseTiming} from './panel/waterfall.js';

/**
 * ask gives the answer when it is whole: {outcome, key, age, timing, headersAt,
 * firstAt, endAt, usage, tools, cost, saved, currency, stale, threadID}. Times are in ms since the call.
 */
export async function ask({assistantID, question, noCache, remember, threadID, signal, onText, onHeaders}) {
  const headers = {Accept: 'text/event-stream', ...(noCache && {'Cache-Control': 'no-cache'})};
  let path = '/v1/chat/completions';
  let json = {model: assistantID, stream: true, stream_options: {include_usage: true}, messages: [{role: 'user', content: question}]};
  if (remember) {
    threadID ??= (await call('POST', '/v1/threads', {json: {}, signal})).id;
    await call('POST', `/v1/threads/${threadID}/messages`, {json: {role: 'user', content: question}, signal});
    path = `/v1/threads/${threadID}/runs`;
    json = {assistant_id: assistantID, stream: true};
  }
  const began = performance.now();
  const now = () => performance.now() - began;
  const res = await send('POST', path, {json, headers, signal});
  const answer = {
    threadID, headersAt: now(), timing: parseTiming(res.headers.get('Server-Timing')),
    outcome: res.headers.get('X-Deja-Cache') ?? '', key: res.headers.get('X-Deja-Cache-Key') ?? '', age: numberOf(res.headers.get('Age')),
    cost: numberOf(res.headers.get('X-Deja-Cost')), saved: numberOf(res.headers.get('X-Deja-Saved')), stale: res.headers.get('X-Deja-Stale') === 'true',
  };
  onHeaders(answer);
  let whole = false;
  for await (const e of events(res)) {
    if (e.data === '[DONE]') {
      whole = true;
      break;
    }
    const data = JSON.parse(e.data);
    if (e.name === 'error' || data.error) throw refusalOf(0, data.error ? data : {error: data}, '');
    const piece = remember ? fromRun(e.name, data, answer) : fromChunk(data, answer);
    if (piece) {
      answer.firstAt ??= now();
      onText(piece);
    }
  }
  answer.endAt = now();
  if (!whole) throw new ApiError(0, 'The answer was cut short. Ask again.');
  return answer;
}

const numberOf = (text) => text === null || text === '' ? undefined : Number(text);

function fromChunk(chunk, answer) {
  if (chunk.usage) answer.usage = chunk.usage;
  account(chunk.deja, answer);
  wants(answer, chunk.choices?.[0]?.delta?.tool_calls);
  return chunk.choices?.[0]?.delta?.content || chunk.choices?.[0]?.delta?.refusal || '';
}

function fromRun(name, data, answer) {
  switch (name) {
    case 'thread.message.delta':
      return (data.delta?.content ?? []).map((c) => c.text?.value ?? '').join('');
    case 'thread.run.requires_action':
      wants(answer, data.required_action?.submit_tool_outputs?.tool_calls);
      break;
    case 'thread.run.completed':
      answer.usage = data.usage ?? undefined;
      account(data.deja, answer);
      break;
    case 'thread.run.failed':
    case 'thread.run.expired':
    case 'thread.run.cancelled':
      throw new ApiError(0, data.last_error?.message ?? 'The run ended without an answer.');
  }
  return '';
}

/** wants notes the tools that the model asks for: whoever uses the API calls them, this page cannot. */
function wants(answer, calls) {
  for (const c of calls ?? []) if (c.function?.name) (answer.tools ??= []).push(c.function.name);
}

/** account takes over what the server says of an answer's worth. */
function account(deja, answer) {
  if (!deja) return;
  answer.outcome = deja.cache ?? answer.outcome;
  answer.cost = deja.cost ?? answer.cost;
  answer.saved = deja.saved ?? answer.saved;
  answer.currency = deja.currency;
  answer.key = deja.key || answer.key;
}
