// Gives the texts on the page whose contrast is below WCAG 2's 4.5 : 1, or
// 3 : 1 for large ones; with the colours as they are computed.
(() => {
  const channels = (c) => {
    const n = c.match(/[\d.]+/g).map(Number);
    const scale = c.startsWith('color(') ? 255 : 1;
    return [n[0] * scale, n[1] * scale, n[2] * scale, n[3] ?? 1];
  };
  const over = (top, under) => top.slice(0, 3).map((v, i) => v * top[3] + under[i] * (1 - top[3])).concat(1);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ratio = (a, b) => {
    const [hi, lo] = [light(a), light(b)].sort((x, y) => y - x);
    return (hi + 0.05) / (lo + 0.05);
  };
  const behind = (el) => {
    const layers = [];
    for (let e = el; e; e = e.parentElement) layers.push(channels(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
  };
  const seen = (el) => el.checkVisibility({opacityProperty: true, visibilityProperty: true}) && !el.closest('.quiet, .skip, [aria-hidden="true"], :disabled');
  const faint = [];
  const judge = (el, colour, text) => {
    const style = getComputedStyle(el);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const back = behind(el);
    const r = ratio(over(channels(colour), back), back);
    if (r < (large ? 3 : 4.5)) faint.push(`${r.toFixed(2)} ${el.tagName.toLowerCase()}.${el.getAttribute('class') ?? ''} ${JSON.stringify(text.trim().slice(0, 40))}`);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const el = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !seen(el) || el.closest('noscript, title, desc, option')) continue;
    judge(el, el instanceof SVGElement ? getComputedStyle(el).fill : getComputedStyle(el).color, texts.currentNode.data);
  }
  for (const el of document.querySelectorAll('input, textarea, select')) {
    if (!seen(el)) continue;
    judge(el, getComputedStyle(el).color, el.value || el.tagName);
    if (el.placeholder) judge(el, getComputedStyle(el, '::placeholder').color, el.placeholder);
  }
  return [...new Set(faint)];
})()
