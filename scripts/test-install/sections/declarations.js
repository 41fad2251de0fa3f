// The types alone, where a package manager keeps packages apart: a declaration that speaks of a package that its own does
// not ask for is `any` there, or an error. The compiler is told to read every declaration.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pnpmCommand, run } from '../../release/commands.js';
import { readManifest } from '../../release/tarball.js';
import { environmentFor } from '../packed.js';
import { attempt } from '../section.js';

/** What a transport is tested with, by its author: its types are those of vitest. */
const OMITTED = ['@pageferry/conformance'];
const COMPILERS = ['typescript@5.9', 'typescript@latest'];

/** @type {import('../section.js').Section} */
export const section = {
  name: 'declarations',
  async *run({ registry, tarballs, folder }) {
    const tried = tarballs.filter(
      ({ name }) => !OMITTED.includes(name) && !/-linux-(x64|arm64)-/.test(name),
    );
    const names = tried.map(({ name }) => name);
    const imported = (await Promise.all(tried.map(entriesOf))).flat();
    const options = { cwd: folder, env: environmentFor(registry, folder) };
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
    const lines = imported.map((name, index) => `import * as name${index} from '${name}';`);
    const uses = imported.map((_, index) => `name${index}`).join(', ');
    const source = `${lines.join('\n')}\nexport const all: readonly object[] = [${uses}];\n`;
    writeFileSync(join(folder, 'index.mts'), source);
    writeFileSync(join(folder, 'index.cts'), source);
    const compilerOptions = {
      target: 'es2022',
      module: 'nodenext',
      lib: ['es2022', 'esnext.disposable'],
      types: ['node'],
      strict: true,
      noEmit: true,
      skipLibCheck: false,
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
    for (const compiler of COMPILERS) {
      yield attempt(`every declaration, pnpm, not hoisted, ${compiler}`, async () => {
        const add = ['add', '--config.hoist=false', '@types/node@20', compiler, ...names];
        await run([...pnpmCommand(), ...add], options);
        const tsc = join(folder, 'node_modules/.bin/tsc');
        await run([tsc, '-p', folder], options);
        const version = await run([tsc, '--version'], options);
        return version.stdout.trim();
      });
    }
  },
};

/**
 * What a package has declarations of.
 *
 * @param {import('../../release/pack.js').Tarball} tarball
 * @returns {Promise<string[]>}
 */
async function entriesOf({ name, file }) {
  const { exports } = await readManifest(file);
  return Object.entries(exports)
    .filter(([, { types }]) => types !== undefined)
    .map(([path]) => name + path.slice(1));
}
