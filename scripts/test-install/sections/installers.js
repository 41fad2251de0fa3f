// Every package manager, with and without install scripts and hoisting: the packages are installed by their names from
// the registry, imported and required, and their command is run.
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../release/commands.js';
import { ROOT } from '../../release/pack.js';
import { INSTALLERS } from '../installers.js';
import { environmentFor } from '../packed.js';
import { attempt } from '../section.js';

const PROJECTS = join(ROOT, 'test/surroundings/projects');
const PROGRAMS = ['endpoint.js', 'exchange.js', 'installed/imports.mjs', 'installed/requires.cjs'];

/** What the programs import. What else there is comes with these. */
const PACKAGES = [
  'pageferry',
  ...[
    'core',
    'doctor',
    'messages',
    'shared-mmap',
    'socket',
    'streams',
    'vmsplice-ffi',
    'vmsplice-napi',
  ].map((name) => `@pageferry/${name}`),
];

/** @type {import('../section.js').Section} */
export const section = {
  name: 'installers',
  async *run({ registry, folder, node }) {
    for (const installer of INSTALLERS) {
      const command = await installer.command().catch((error) => String(error.message));
      if (typeof command === 'string') {
        yield { tried: installer.name, outcome: 'not tried', detail: `cannot be had: ${command}` };
        continue;
      }
      const project = join(folder, installer.name.replaceAll(/\W+/g, '-'));
      yield attempt(installer.name, () =>
        tryInstaller(installer, { command, registry, project, node }),
      );
    }
  },
};

/**
 * @param {import('../installers.js').Installer} installer
 * @param {object} options
 * @param {readonly string[]} options.command
 * @param {import('../registry.js').Registry} options.registry
 * @param {string} options.project
 * @param {string} options.node
 */
async function tryInstaller({ add, files, run: runner }, { command, registry, project, node }) {
  mkdirSync(project);
  writeFileSync(
    join(project, 'package.json'),
    '{ "name": "project", "private": true, "type": "module" }',
  );
  for (const [name, text] of Object.entries(files?.(registry.url) ?? {})) {
    writeFileSync(join(project, name), text);
  }
  for (const file of PROGRAMS) {
    cpSync(join(PROJECTS, file), join(project, file.replace('installed/', '')));
  }
  const env = environmentFor(registry, project);
  const options = { cwd: project, env: { ...env, PROJECT_FOLDER: project } };
  const version = await run([...command, '--version'], options);
  await run([...command, ...add, ...PACKAGES], options);
  const start = runner ? [...command, ...runner] : [node];
  for (const file of ['imports.mjs', 'requires.cjs']) {
    const { stdout } = await run([...start, file], options);
    if (!stdout.includes('every backend works')) throw new Error(`${file} printed ${stdout}`);
  }
  const help = runner
    ? await run([...command, 'run', 'pageferry', 'doctor', '--help'], options)
    : await run([join(project, 'node_modules/.bin/pageferry'), 'doctor', '--help'], options);
  if (!help.stdout.includes('Usage: ')) throw new Error(`the command printed ${help.output}`);
  return `version ${version.stdout.trim()}`;
}
