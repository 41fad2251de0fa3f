// Refuses what only works in Node's main context. Jest and `node:vm` run packages in another one, which has
// no `Symbol.dispose` on Node 20 and 22, so that compiled `using` declarations throw, and whose Uint8Array,
// AbortSignal and Error are other classes than those of the values that come in.
import { readdirSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** The conformance suite and the testkit run in vitest, or in programs that tests start. */
const EXCEPT = ['packages/conformance/', 'packages/testkit/', 'packages/core/src/dispose.ts'];

/** What must not be there, and why. */
const REFUSED = /** @type {const} */ ([
  [/^[ \t]*(?:for (?:await )?\()?(?:await )?using \w+(?= =| of\b|:)/gm, 'close it in `finally`'],
  [/\bSymbol\.(?:asyncDispose|dispose)\b/g, 'use `dispose` or `asyncDispose` of @pageferry/core'],
  [
    /\binstanceof (?:\w*Array|ArrayBuffer|SharedArrayBuffer|Buffer|AbortSignal|Promise)\b/g,
    'ask `types` of node:util, or look at its shape',
  ],
]);

/**
 * The places in a source file that do not work in every realm, as sentences.
 *
 * @param {string} path
 * @param {string} text
 * @returns {string[]}
 */
export function realmErrors(path, text) {
  // Examples in comments are for users, who have their own surroundings.
  const code = text.replace(/^[ \t]*(?:\*|\/\/|\/\*).*$/gm, '');
  return REFUSED.flatMap(([pattern, instead]) =>
    [...code.matchAll(pattern)].map(({ index, 0: found }) => {
      const line = code.slice(0, index).split('\n').length;
      return `${path}:${line}: ${found.trim()}: ${instead}`;
    }),
  );
}

/**
 * Looks at the sources of all packages.
 *
 * @returns {{ count: number, wrong: readonly string[] }}
 */
export function checkRealms() {
  const files = readdirSync('packages').flatMap((name) => {
    const folder = `packages/${name}/src`;
    const found = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    return found.map((file) => `${folder}/${file}`);
  });
  const sources = files.filter(
    (file) => file.endsWith('.ts') && !EXCEPT.some((start) => file.startsWith(start)),
  );
  const wrong = sources.flatMap((file) => realmErrors(file, readFileSync(file, 'utf8')));
  return { count: sources.length, wrong };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { count, wrong } = checkRealms();
  for (const problem of wrong) console.error(problem);
  if (wrong.length > 0) process.exit(1);
  console.log(`${count} source files work in every realm, as far as can be seen`);
}
