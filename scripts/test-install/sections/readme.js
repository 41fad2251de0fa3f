// In an empty folder: the tarballs alone are installed, as files, and the README's two programs compiled and run, on the
// oldest and the newest Node, and on another processor.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { programOf } from '../../nodes.js';
import { run } from '../../release/commands.js';
import { environmentFor, registryOfThisMachine } from '../packed.js';
import { compileReadme, runReadme } from '../readme.js';
import { startRegistry } from '../registry.js';
import { attempt } from '../section.js';

const VERSIONS = ['20', '22', '24', '26'];
const PLATFORM = /-linux-(x64|arm64)-(gnu|musl)$/;
/** What runs a program for arm64 here. */
const EMULATOR =
  process.arch === 'arm64' ? [] : ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu'];

/** @type {import('../section.js').Section} */
export const section = {
  name: 'readme',
  async *run({ tarballs, folder }) {
    const registry = await startRegistry({ upstream: await registryOfThisMachine() });
    try {
      for (const arch of [...new Set([process.arch, 'arm64'])]) {
        const project = join(folder, arch);
        const installed = `npm install <tarballs>, ${arch}, glibc`;
        const row = await attempt(installed, () => install(project, { arch, tarballs, registry }));
        yield row;
        if (row.outcome !== 'works') continue;
        for (const version of VERSIONS) {
          const tried = `the README's two files, ${arch}, glibc, Node ${version}`;
          const lacking = whatIsLacking(arch);
          yield lacking !== undefined
            ? { tried, outcome: 'not tried', detail: lacking }
            : attempt(tried, () => runOn(project, version, arch));
        }
      }
    } finally {
      await registry.close();
    }
    yield {
      tried: "the README's two files, musl",
      outcome: 'not tried',
      detail: 'npm has no Node for musl; `pnpm test:prebuilds` loads the addons with its loader',
    };
  },
};

/**
 * @param {string} project made.
 * @param {object} options
 * @param {string} options.arch
 * @param {import('../section.js').Context['tarballs']} options.tarballs
 * @param {import('../registry.js').Registry} options.registry has none of the packages.
 */
async function install(project, { arch, tarballs, registry }) {
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }');
  const files = tarballs
    .filter(({ name }) => !PLATFORM.test(name) || name.endsWith(`-linux-${arch}-gnu`))
    .map(({ file }) => file);
  const options = { cwd: project, env: environmentFor(registry, project) };
  // The addon's package is named itself here, and npm refuses one for another processor unless it is told to.
  const platform = arch === process.arch ? [] : [`--cpu=${arch}`, '--os=linux', '--force'];
  await run(['npm', 'install', ...platform, '--omit=peer', ...files], options);
  // The compiler is this processor's.
  const compiler = join(project, '..', `compiler-${arch}`);
  mkdirSync(compiler);
  const tools = ['typescript@5', '@types/node@20'];
  await run(['npm', 'install', '--prefix', compiler, ...tools], { ...options, cwd: compiler });
  await compileReadme(project, {
    tsc: [join(compiler, 'node_modules/.bin/tsc')],
    typeRoots: [join(compiler, 'node_modules/@types')],
  });
  return `${files.length} files`;
}

/**
 * @param {string} project
 * @param {string} version
 * @param {string} arch
 */
async function runOn(project, version, arch) {
  const program = programOf(version, arch);
  const node = arch === process.arch ? [program] : [...EMULATOR, program];
  const { stdout } = await run([...node, '--version'], { cwd: project });
  await runReadme(project, { node });
  return stdout.trim();
}

/**
 * What is not here to run a program for a processor, as a sentence.
 *
 * @param {string} arch
 */
function whatIsLacking(arch) {
  const [emulator] = EMULATOR;
  if (arch === process.arch || emulator === undefined) return undefined;
  if (spawnSync(emulator, ['--version']).status === 0) return undefined;
  return 'there is no qemu-aarch64-static (Debian: qemu-user-static, libstdc++6-arm64-cross, libatomic1-arm64-cross)';
}
