// The page's few icons, as outlines on a 24 × 24 grid.

import {svg} from './dom.js';

const shapes = {
  close: 'M6 6l12 12M18 6L6 18',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  warning: 'M12 4l9 16H3zM12 10v4M12 17h.01',
  critical: 'M12 3a9 9 0 100 18 9 9 0 000-18zM12 8v5M12 16h.01',
  info: 'M12 3a9 9 0 100 18 9 9 0 000-18zM12 11v5M12 8h.01',
  search: 'M10.5 4a6.5 6.5 0 100 13 6.5 6.5 0 000-13zM15.5 15.5L20 20',
  send: 'M4 12l16-7-6 15-3-6z',
  plus: 'M12 5v14M5 12h14',
  file: 'M6 3h8l4 4v14H6zM14 3v4h4',
  stop: 'M7 7h10v10H7z',
};

export function icon(name) {
  return svg('svg.glyph', {viewBox: '0 0 24 24', 'aria-hidden': 'true'}, svg('path', {d: shapes[name] ?? shapes.info}));
}
