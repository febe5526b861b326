// The form of an assistant: every field that the API has, the seldom ones
// folded away.

import {complain, field, h, show, uid} from '../dom.js';

const efforts = ['', 'none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];

const policies = [
  ['off', 'Not at all', 'Every question costs a model call.'],
  ['thread', 'For the same thread or client', 'Nobody is given an answer that was made for somebody else.'],
  ['assistant', 'For everybody who asks this assistant', 'The same question is answered once. For assistants that tell everybody the same.'],
];

/** assistantForm shows a for editing; save(body) sends it and may throw an ApiError. */
export function assistantForm(a, {action, save}) {
  const cache = a.cache ?? {};
  const skip = cache.skip ?? {};
  const text = (value, props) => h('input', {type: 'text', autocomplete: 'off', value: value ?? '', ...props});
  const number = (value, props) => h('input', {type: 'number', inputmode: 'decimal', step: 'any', value: value ?? '', ...props});
  const json = (value) => h('textarea.mono', {rows: 3, spellcheck: 'false', value: value == null ? '' : JSON.stringify(value, null, 2)});
  const check = (label, checked) => {
    const box = h('input', {type: 'checkbox', checked: Boolean(checked)});
    return {box, el: h('label.check', box, h('span', label))};
  };

  const c = {
    name: text(a.name, {maxlength: 256}),
    description: text(a.description, {maxlength: 512}),
    instructions: h('textarea', {rows: 6, value: a.instructions ?? ''}),
    model: text(a.model, {name: 'model', required: true, spellcheck: 'false'}),
    temperature: number(a.temperature, {min: 0, max: 2}),
    top_p: number(a.top_p, {min: 0, max: 1}),
    reasoning_effort: h('select', efforts.map((e) => h('option', {value: e, selected: e === (a.reasoning_effort ?? '')}, e || 'as the model likes'))),
    response_format: json(a.response_format && a.response_format !== 'auto' ? a.response_format : null),
    tools: json(a.tools?.length ? a.tools : null),
    tool_resources: json(a.tool_resources),
    fallbacks: json(a.fallbacks?.length ? a.fallbacks : null),
    metadata: json(Object.keys(a.metadata ?? {}).length ? a.metadata : null),
    ttl: number(cache.ttl, {min: 1, max: 2_592_000, step: 1}),
    staleIfError: number(cache.stale_if_error, {min: 0, max: 2_592_000, step: 1}),
    replayRate: number(cache.replay_rate, {min: 0, max: 10_000}),
    safeTools: text((cache.safe_tools ?? []).join(', ')),
    words: text((skip.words ?? []).join(', ')),
    temperatureAbove: number(skip.temperature_above, {min: 0, max: 2}),
  };
  const normalize = check('Questions that differ only in case, spaces or final punctuation share an answer', cache.normalize);
  const timeSensitive = check('Skip questions about now, today, the latest …', skip.time_sensitive);
  const attachments = check('Skip questions with images', skip.attachments);
  const policyName = uid('policy');
  const policy = h('fieldset.choices', h('legend', 'An answer may be used again'), policies.map(([value, label, about]) =>
    h('label.choice', h('input', {type: 'radio', name: policyName, value, checked: value === (cache.policy ?? 'thread')}), h('span', h('strong', label), h('span.hint', about)))));

  const error = h('p.error', {role: 'alert', hidden: true});
  const submit = h('button.primary', {type: 'submit'}, action);
  const paramOf = {...c, 'cache.ttl': c.ttl, 'cache.stale_if_error': c.staleIfError, 'cache.replay_rate': c.replayRate, 'cache.safe_tools': c.safeTools,
    'cache.skip.words': c.words, 'cache.skip.temperature_above': c.temperatureAbove};

  const form = h('form.assistant', {novalidate: true, onsubmit},
    h('div.grid', field('Name', c.name), field('Model', c.model, 'As the model server calls it.')),
    field('Description', c.description),
    field('Instructions', c.instructions, 'What the model is told before every question.'),
    policy,
    h('details', h('summary', 'More about caching'), h('div.fold',
      field('Lifetime of answers, in seconds', c.ttl, 'Empty: as the server is set up.'),
      normalize.el, timeSensitive.el, attachments.el,
      field('Skip questions with these words', c.words, 'Separated by commas.'),
      field('Skip answers at a temperature above', c.temperatureAbove, 'Empty: cache them all.'),
      field('Seconds past its lifetime that an answer may be given while the model fails', c.staleIfError, '0: never. Empty: as the server is set up.'),
      field('Pieces a second in which cached answers are streamed', c.replayRate, '0: at once. Empty: as the server is set up.'),
      field('Tools whose calls may be cached', c.safeTools, 'Names separated by commas, or * for all. Only for tools without side effects.'))),
    h('details', h('summary', 'More about the model'), h('div.fold',
      h('div.grid', field('Temperature', c.temperature, '0 to 2. Empty: the model’s own.'), field('Top P', c.top_p, '0 to 1. Empty: the model’s own.')),
      field('Reasoning effort', c.reasoning_effort),
      field('Response format', c.response_format, 'JSON, such as {"type": "json_object"}. Empty: automatic.'),
      field('Tools', c.tools, 'A JSON list of function tools. The tool that queries data is always there when there is data.'),
      field('Fallbacks', c.fallbacks, 'A JSON list of models to ask when this one fails, such as [{"model": "other"}].'),
      field('Tool resources', c.tool_resources, 'JSON.'),
      field('Metadata', c.metadata, 'A JSON object of texts.'))),
    error, h('div.row.end', submit));

  const listOf = (control) => control.value.split(',').map((w) => w.trim()).filter(Boolean);

  // body gives what the form says, or undefined when something is wrong with it.
  function body() {
    let first = null;
    const wrong = (control, message) => {
      complain(control, message);
      first ??= control;
    };
    for (const control of Object.values(c)) complain(control);
    const numberOf = (control) => {
      if (control.value === '' && !control.validity.badInput) return null;
      if (!control.validity.valid) wrong(control, control.validationMessage || 'This is not a number that fits here.');
      return Number(control.value);
    };
    const jsonOf = (control) => {
      if (!control.value.trim()) return null;
      try {
        return JSON.parse(control.value);
      } catch (err) {
        wrong(control, `This is no valid JSON: ${err.message}`);
        return null;
      }
    };
    if (!c.model.value.trim()) wrong(c.model, 'An assistant needs a model.');
    const result = {
      name: c.name.value.trim() || null, description: c.description.value.trim() || null, instructions: c.instructions.value || null,
      model: c.model.value.trim(), temperature: numberOf(c.temperature), top_p: numberOf(c.top_p), reasoning_effort: c.reasoning_effort.value || null,
      response_format: jsonOf(c.response_format) ?? 'auto', tools: jsonOf(c.tools) ?? [], tool_resources: jsonOf(c.tool_resources), fallbacks: jsonOf(c.fallbacks) ?? [], metadata: jsonOf(c.metadata) ?? {},
      cache: {
        policy: policy.querySelector('input:checked').value, ttl: numberOf(c.ttl), normalize: normalize.box.checked,
        stale_if_error: numberOf(c.staleIfError), replay_rate: numberOf(c.replayRate), safe_tools: listOf(c.safeTools),
        skip: {
          time_sensitive: timeSensitive.box.checked, attachments: attachments.box.checked, temperature_above: numberOf(c.temperatureAbove),
          words: listOf(c.words),
        },
      },
    };
    if (first) focusOn(first);
    return first ? undefined : result;
  }

  function focusOn(control) {
    for (let d = control.closest('details'); d; d = d.parentElement.closest('details')) d.open = true;
    control.focus();
  }

  async function onsubmit(e) {
    e.preventDefault();
    show(error, false);
    const wanted = body();
    if (!wanted) return;
    submit.disabled = true;
    try {
      await save(wanted);
    } catch (err) {
      const control = paramOf[err.param?.replace(/\[.*$/, '')];
      if (control) {
        complain(control, err.message);
        focusOn(control);
      } else {
        error.textContent = err.message;
        show(error, true);
      }
    } finally {
      submit.disabled = false;
    }
  }

  return form;
}
