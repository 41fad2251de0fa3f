// The types alone, where a package manager keeps packages apart: a declaration that speaks of a package that its own does
// not ask for is `any` there, or an error. The compiler is told to read every declaration.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pnpmCommand, run } from '../../release/commands.js';
import { environmentFor } from '../packed.js';
import { attempt } from '../section.js';

/** What a transport is tested with, by its author: its types are those of vitest. */
const OMITTED = ['@pageferry/conformance'];
const COMPILERS = ['typescript@5.9', 'typescript@latest'];

/** @type {import('../section.js').Section} */
export const section = {
  name: 'types',
  async *run({ registry, tarballs, folder }) {
    const names = tarballs
      .map(({ name }) => name)
      .filter((name) => !OMITTED.includes(name) && !/-linux-(x64|arm64)-/.test(name));
    const options = { cwd: folder, env: environmentFor(registry, folder) };
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
    const lines = names.map((name, index) => `import * as name${index} from '${name}';`);
    const uses = names.map((_, index) => `name${index}`).join(', ');
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
