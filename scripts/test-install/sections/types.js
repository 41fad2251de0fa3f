// TypeScript as strict as it gets, in the versions that people use: the README's programs compile, and the declarations of
// the packages with them.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../release/commands.js';
import { environmentFor } from '../packed.js';
import { attempt, failureOfInstall } from '../section.js';
import { STRICT, writePrograms } from '../strict-consumer.js';

const VERSIONS = ['5.2', '5.6', '5.9', '7'];
const PACKAGES = ['pageferry', '@pageferry/vmsplice-napi'];
/** The first one that lets CommonJS `require` an ES module. */
const REQUIRES_MODULES = 5.8;

/**
 * @typedef {object} Way
 * @property {string} name
 * @property {import('../strict-consumer.js').Kind} kind
 * @property {Record<string, string>} options
 * @property {(version: string) => boolean} [knows] which versions can do it; all unless given.
 */

/** @type {readonly Way[]} */
const WAYS = [
  { name: 'node16', kind: 'modules', options: resolution('node16', 'node16') },
  { name: 'nodenext', kind: 'modules', options: resolution('nodenext', 'nodenext') },
  { name: 'bundler', kind: 'modules', options: resolution('esnext', 'bundler') },
  { name: 'CommonJS, import()', kind: 'dynamic', options: resolution('node16', 'node16') },
  {
    name: 'CommonJS',
    kind: 'commonjs',
    options: resolution('nodenext', 'nodenext'),
    knows: (version) => Number(version) >= REQUIRES_MODULES,
  },
];

/** @type {import('../section.js').Section} */
export const section = {
  name: 'types',
  async *run({ registry, folder }) {
    const options = { cwd: folder, env: environmentFor(registry, folder) };
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
    await run(['npm', 'install', ...PACKAGES], options);
    const tools = VERSIONS.map((version) => `typescript-${version}@npm:typescript@${version}`);
    const install = ['npm', 'install', ...tools, '@types/node@20'];
    const failure = await failureOfInstall(install, options);
    if (failure !== undefined) {
      yield { tried: 'TypeScript', outcome: 'not tried', detail: `cannot be had: ${failure}` };
      return;
    }
    for (const way of WAYS) writePrograms(join(folder, way.kind), way.kind);
    for (const version of VERSIONS) {
      for (const way of WAYS) {
        if (way.knows?.(version) === false) continue; // `import()` above is what it can do.
        for (const dom of [false, true]) {
          const tried = `TypeScript ${version}, ${way.name}${dom ? ', with DOM' : ''}`;
          yield attempt(tried, () => compile(folder, version, way, dom));
        }
      }
    }
  },
};

/**
 * @param {string} folder
 * @param {string} version
 * @param {Way} way
 * @param {boolean} dom
 */
async function compile(folder, version, { kind, options }, dom) {
  const cwd = join(folder, kind);
  const lib = ['es2022', 'esnext.disposable', ...(dom ? ['dom'] : [])];
  const config = { compilerOptions: { ...STRICT, ...options, lib }, include: ['*.ts'] };
  writeFileSync(join(cwd, 'tsconfig.json'), JSON.stringify(config));
  await run([process.execPath, join(folder, `node_modules/typescript-${version}/bin/tsc`)], {
    cwd,
  });
}

/**
 * @param {string} module
 * @param {string} moduleResolution
 */
function resolution(module, moduleResolution) {
  return { module, moduleResolution };
}
