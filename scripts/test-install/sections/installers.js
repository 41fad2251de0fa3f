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
const PROGRAMS = [
  'endpoint.js',
  'exchange.js',
  'installed/imports.mjs',
  'installed/pool-task.mjs',
  'installed/requires.cjs',
];

/** What the programs import. What else there is comes with these. */
export const PACKAGES = [
  'pageferry',
  ...[
    'core',
    'doctor',
    'fd-socket',
    'messages',
    'shared-mmap',
    'socket',
    'streams',
    'vmsplice-ffi',
    'vmsplice-napi',
    'workers',
  ].map((name) => `@pageferry/${name}`),
];

/** @type {import('../section.js').Section} */
export const section = {
  name: 'installers',
  async *run({ registry, folder, node }) {
    for (const installer of INSTALLERS) {
      const command = await installer.command(node).catch((error) => String(error.message));
      if (typeof command === 'string') {
        yield { tried: installer.name, outcome: 'not tried', detail: `cannot be had: ${command}` };
        continue;
      }
      const project = join(folder, installer.name.replaceAll(/\W+/g, '-'));
      mkdirSync(project);
      const options = {
        cwd: project,
        env: { ...environmentFor(registry, project), PROJECT_FOLDER: project },
      };
      const start = installer.run ? [...command, ...installer.run] : [node];
      const installed = await attempt(`${installer.name}: install, import, command`, async () => {
        await install(installer, command, registry.url, options);
        await expectOutput([...start, 'imports.mjs'], options, 'every backend works');
        const bin = installer.run
          ? [...command, 'run', 'pageferry']
          : [join(project, 'node_modules/.bin/pageferry')];
        await expectOutput([...bin, 'doctor', '--help'], options, 'Usage: ');
        const version = await run([...command, '--version'], options);
        return `version ${version.stdout.trim()}`;
      });
      yield installed;
      if (installed.outcome !== 'works') continue;
      const tried = `${installer.name}: require`;
      const { stdout } = await run([...start, '-p', 'process.version'], options);
      // What a required module imports is resolved without the loader that yarn adds. Of import() it is asked.
      yield installer.run && stdout.startsWith('v20.')
        ? {
            tried,
            outcome: 'not tried',
            detail: 'Node 20 cannot do that with PnP; import() and Node 22 can',
          }
        : attempt(tried, () =>
            expectOutput([...start, 'requires.cjs'], options, 'every backend works'),
          );
    }
  },
};

/**
 * Makes a project and installs the packages there.
 *
 * @param {import('../installers.js').Installer} installer
 * @param {readonly string[]} command
 * @param {string} url the registry.
 * @param {{ cwd: string, env: NodeJS.ProcessEnv }} options
 */
async function install({ add, files }, command, url, options) {
  const manifest = { name: 'project', private: true, type: 'module' };
  writeFileSync(join(options.cwd, 'package.json'), JSON.stringify(manifest));
  for (const [name, text] of Object.entries(files?.(url) ?? {})) {
    writeFileSync(join(options.cwd, name), text);
  }
  for (const file of PROGRAMS) {
    cpSync(join(PROJECTS, file), join(options.cwd, file.replace('installed/', '')));
  }
  await run([...command, ...add, ...PACKAGES], options);
}

/**
 * @param {readonly string[]} command
 * @param {{ cwd: string, env: NodeJS.ProcessEnv }} options
 * @param {string} expected part of what it prints.
 */
async function expectOutput(command, options, expected) {
  const { stdout } = await run(command, options);
  if (!stdout.includes(expected)) throw new Error(`\`${command.join(' ')}\` printed ${stdout}`);
}
