// The recipes of docs/bundling.md, as they stand there.

/**
 * What one recipe has.
 *
 * @typedef {object} Recipe
 * @property {string} name the heading, and what the sentence before it says.
 * @property {readonly { name: string, text: string }[]} files that are written first.
 * @property {readonly string[]} install the command that installs its tools; empty if an earlier one has.
 * @property {string} script of a shell, which makes the bundle.
 * @property {readonly string[]} program what runs the bundle: its last line.
 */

const BLOCK = /^```(\w+)\n(.*?)^```$/gms;

/**
 * Reads them.
 *
 * @param {string} page the text of the page.
 * @returns {Recipe[]}
 */
export function recipesOf(page) {
  const [, recipes = ''] = /^## Recipes$(.*?)^## /ms.exec(page) ?? [];
  return recipes
    .split(/^### /m)
    .slice(1)
    .flatMap((part) => recipesOfTool(part));
}

/** @param {string} part what is below a heading, and the heading. */
function recipesOfTool(part) {
  const [tool = ''] = part.split('\n', 1);
  /** @type {Recipe[]} */
  const recipes = [];
  /** @type {{ name: string, text: string }[]} */
  let files = [];
  let from = tool.length;
  for (const { index, 0: block, 1: language, 2: text = '' } of part.matchAll(BLOCK)) {
    if (language === 'sh') {
      const words = part.slice(from, index).replaceAll(BLOCK, '');
      const [, sentence] = /^(\w.*?)[,:]$/m.exec(words) ?? /^(\w.*?), /m.exec(words) ?? [];
      recipes.push({ name: sentence ? `${tool}: ${sentence}` : tool, files, ...linesOf(text) });
      files = [];
      from = index + block.length;
    } else {
      const [, name = ''] = /^\/\/ (\S+)$/m.exec(text) ?? [];
      files.push({ name, text });
    }
  }
  return recipes;
}

/** @param {string} text */
function linesOf(text) {
  const lines = text.trim().split('\n');
  const program = lines.pop()?.split(' ') ?? [];
  const install = lines[0]?.startsWith('npm install ') ? (lines.shift()?.split(' ') ?? []) : [];
  return { install, script: lines.join('\n'), program };
}
