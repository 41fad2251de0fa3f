// What the plots have in common that scripts draw as SVG: see readme-plot.js and soak-plot.js.

/**
 * A text of an SVG.
 *
 * @param {number} x
 * @param {number} y
 * @param {string} content
 * @param {string} style
 * @param {string} anchor
 */
export function text(x, y, content, style, anchor) {
  return `<text x="${x}" y="${y}" class="${style}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

/**
 * A line through points.
 *
 * @param {readonly (readonly [number, number])[]} points
 * @param {string} style
 */
export function polyline(points, style) {
  const path = points.map(([x, y]) => `${x},${y}`).join(' ');
  return `<polyline class="${style}" points="${path}"/>`;
}

/**
 * What stands for `words` in XML.
 *
 * @param {string} words
 */
export function escaped(words) {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
