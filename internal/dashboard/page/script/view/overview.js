// One glance: is it healthy, how much does it save, what is hot, who is ill.

import {h} from '../dom.js';
import {headline} from '../panel/headline.js';
import {hot} from '../panel/hot.js';
import {layers} from '../panel/layers.js';
import {log} from '../panel/log.js';
import {nodes} from '../panel/nodes.js';
import {savings} from '../panel/savings.js';
import {trends} from '../panel/trends.js';

export function overview() {
  const health = headline();
  const saved = savings();
  const time = trends();
  const kinds = layers();
  const assistants = hot('assistants', {limit: 5});
  const keys = hot('keys', {limit: 5});
  const fleet = nodes();
  const events = log({limit: 5});
  const parts = [health, saved, time, kinds, assistants, keys, fleet, events];
  const el = h('div.overview',
    health.el, saved.el, time.el,
    h('div.two', panel('Layers', kinds.el, ['All figures', '#/cache']),
      h('section.panel', {'aria-labelledby': 'hot-title'}, h('header', h('h2', {id: 'hot-title'}, 'Hot')),
        h('h3', 'Assistants'), assistants.el, h('h3', 'Entries'), keys.el)),
    h('div.two.even', panel('Nodes', fleet.el, ['Fleet', '#/fleet']), panel('Latest events', events.el, ['All events', '#/fleet'])));
  return {
    title: 'Overview', el,
    update: (state) => parts.forEach((p) => p.update(state)),
    leave: () => parts.forEach((p) => p.leave?.()),
  };
}

function panel(title, content, [text, href]) {
  const id = `panel-${title.toLowerCase().replaceAll(' ', '-')}`;
  return h('section.panel', {'aria-labelledby': id}, h('header', h('h2', {id}, title), h('a.more-link', {href}, text)), content);
}
