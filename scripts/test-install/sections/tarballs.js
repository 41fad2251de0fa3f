// The tarballs themselves: publint and attw look for what is wrong in them, and a package alone takes no more of
// `node_modules` than its budget.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../release/commands.js';
import { ROOT } from '../../release/pack.js';
import { BUDGETS, bytesOf, inKilobytes } from '../../size-budgets.js';
import { environmentFor } from '../packed.js';
import { attempt } from '../section.js';

const BIN = join(ROOT, 'node_modules/.bin');
/**
 * The packages are ES modules, which every Node that `engines` admits can require. The resolution of Node 10 knows no
 * `exports`.
 */
const ATTW = ['--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm', '--format', 'ascii'];

/** @type {import('../section.js').Section} */
export const section = {
  name: 'tarballs',
  async *run({ registry, tarballs, folder }) {
    for (const { name, file } of tarballs) {
      yield attempt(`publint, ${name}`, async () => {
        await run([join(BIN, 'publint'), 'run', file, '--strict'], { cwd: folder });
      });
      const budget = BUDGETS[name];
      if (budget === undefined) continue; // An addon, which has no types, and counts in what needs it.
      yield attempt(`attw, ${name}`, async () => {
        await run([join(BIN, 'attw'), file, ...ATTW], { cwd: folder });
      });
      yield attempt(`bytes in node_modules, ${name}`, async () => {
        const project = join(folder, name.replace('/', '-'));
        mkdirSync(project);
        writeFileSync(join(project, 'package.json'), '{ "private": true }');
        const env = environmentFor(registry, project);
        await run(['npm', 'install', '--omit=peer', name], { cwd: project, env });
        const all = inKilobytes(bytesOf(join(project, 'node_modules'), /\.package-lock\.json$/));
        const alone = inKilobytes(bytesOf(join(project, 'node_modules', name)));
        const said = `${alone} kB alone, ${all} kB in all`;
        if (alone > budget.alone || all > budget.total) {
          throw new Error(`${said}: the budget is ${budget.alone} kB and ${budget.total} kB`);
        }
        return said;
      });
    }
  },
};
