// What the docs say about the arrows between the packages, out of their manifests.

/**
 * What is read of a manifest.
 *
 * @typedef {object} Manifest
 * @property {string} name
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [peerDependencies]
 */

const SCOPE = '@pageferry/';

/**
 * The packages of the workspace that a package depends on, and those that it uses if somebody has installed
 * them.
 *
 * @param {Manifest} manifest
 * @returns {{ always: string[], ifInstalled: string[] }}
 */
export function arrowsOf({ dependencies = {}, peerDependencies = {} }) {
  return { always: workspaceNames(dependencies), ifInstalled: workspaceNames(peerDependencies) };
}

/** @param {Record<string, string>} dependencies */
function workspaceNames(dependencies) {
  return Object.keys(dependencies)
    .filter((name) => name.startsWith(SCOPE))
    .sort();
}

/**
 * The arrows as a mermaid diagram. One that follows from two others is left out.
 *
 * @param {readonly Manifest[]} manifests
 * @returns {string}
 */
export function packageDiagram(manifests) {
  const always = new Map(manifests.map((each) => [each.name, arrowsOf(each).always]));
  /** @type {(from: string, to: string) => boolean} */
  const leads = (from, to) =>
    (always.get(from) ?? []).some((next) => next === to || leads(next, to));
  const lines = inOrder(manifests).flatMap((manifest) => {
    const { always: targets, ifInstalled } = arrowsOf(manifest);
    const from = short(manifest.name);
    const direct = targets.filter((to) => !targets.some((by) => leads(by, to)));
    return [
      `  ${from}`,
      ...direct.map((to) => `  ${from} --> ${short(to)}`),
      ...ifInstalled.map((to) => `  ${from} -. if installed .-> ${short(to)}`),
    ];
  });
  return ['```mermaid', 'flowchart TD', ...lines, '```'].join('\n');
}

/**
 * All of the arrows as a table.
 *
 * @param {readonly Manifest[]} manifests
 * @returns {string}
 */
export function arrowTable(manifests) {
  const rows = inOrder(manifests).map((manifest) => {
    const { always, ifInstalled } = arrowsOf(manifest);
    return [`\`${short(manifest.name)}\``, listed(always), listed(ifInstalled)];
  });
  return table([['package', 'depends on', 'uses if installed'], ...rows]);
}

/**
 * A table of Markdown whose columns line up.
 *
 * @param {readonly (readonly string[])[]} rows the first one is the head.
 * @returns {string}
 */
export function table([head = [], ...body]) {
  const widths = head.map((_, column) =>
    Math.max(3, ...[head, ...body].map((row) => (row[column] ?? '').length)),
  );
  const line = (/** @type {readonly string[]} */ cells) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}

/** @param {readonly Manifest[]} manifests */
function inOrder(manifests) {
  return manifests.toSorted((one, other) => one.name.localeCompare(other.name, 'en'));
}

/** @param {readonly string[]} names */
function listed(names) {
  return names.map((name) => `\`${short(name)}\``).join(', ');
}

/** @param {string} name */
function short(name) {
  return name.replace(SCOPE, '');
}
