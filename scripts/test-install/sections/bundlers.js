// Every recipe of docs/bundling.md: the bundle is made with the tool, and run in an empty folder, or where it is if the
// packages were left out of it.
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { run } from '../../release/commands.js';
import { ROOT } from '../../release/pack.js';
import { environmentFor } from '../packed.js';
import { recipesOf } from '../recipes.js';
import { attempt, failureOfInstall } from '../section.js';

const PROJECTS = join(ROOT, 'test/surroundings/projects');
const PROGRAMS = ['backends.js', 'endpoint.js', 'exchange.js', 'bundled/app.js'];
const PACKAGES = ['pageferry', '@pageferry/vmsplice-ffi', '@pageferry/vmsplice-napi'];
/** Tools that carry koffi along, and those that leave nothing behind at all. */
const CARRIES_KOFFI = /^(ncc|@vercel\/nft)/;
const CARRIES_ALL = /^@vercel\/nft/;

/** @typedef {{ cwd: string, env: NodeJS.ProcessEnv }} Options */

/** @type {import('../section.js').Section} */
export const section = {
  name: 'bundlers',
  async *run({ registry, folder, node }) {
    const project = join(folder, 'project');
    mkdirSync(join(project, 'bin'), { recursive: true });
    symlinkSync(node, join(project, 'bin/node'));
    const env = environmentFor(registry, project);
    const path = `${join(project, 'bin')}:${env['PATH']}`;
    const options = { cwd: project, env: { ...env, PATH: path, PROJECT_FOLDER: folder } };
    await makeProject(options);
    for (const recipe of recipesOf(readFileSync(join(ROOT, 'docs/bundling.md'), 'utf8'))) {
      const lacking = await installTools(recipe, options);
      yield lacking === undefined
        ? await attempt(recipe.name, () => tryRecipe(recipe, options))
        : { tried: recipe.name, outcome: 'not tried', detail: lacking };
    }
  },
};

/** @param {Options} options */
async function makeProject({ cwd, env }) {
  const manifest = { name: 'project', private: true, type: 'module' };
  writeFileSync(join(cwd, 'package.json'), JSON.stringify(manifest));
  for (const file of PROGRAMS) cpSync(join(PROJECTS, file), join(cwd, file));
  writeFileSync(join(cwd, 'app.js'), "import './bundled/app.js';\n");
  await run(['npm', 'install', ...PACKAGES], { cwd, env });
}

/**
 * Installs the tools of a recipe: they come from the registry of this machine.
 *
 * @param {import('../recipes.js').Recipe} recipe
 * @param {Options} options
 * @returns {Promise<string | undefined>} why they cannot be had.
 */
async function installTools({ install }, options) {
  if (install.length === 0) return undefined;
  const failure = await failureOfInstall(install, options);
  return failure && `cannot be had: ${install.slice(3).join(' ')}: ${failure}`;
}

/**
 * @param {import('../recipes.js').Recipe} recipe
 * @param {Options} options
 */
async function tryRecipe({ name, files, script, program }, options) {
  const dist = join(options.cwd, 'dist');
  const modules = join(options.cwd, 'node_modules');
  rmSync(dist, { recursive: true, force: true });
  for (const file of files) writeFileSync(join(options.cwd, file.name), file.text);
  await run(['sh', '-ec', forThisSystem(script, modules)], options);
  for (const file of files) rmSync(join(options.cwd, file.name));

  const isLeftOut = !script.includes('linux_napi.node') && !CARRIES_KOFFI.test(name);
  const elsewhere = join(options.cwd, '../elsewhere');
  rmSync(elsewhere, { recursive: true, force: true });
  if (!isLeftOut) cpSync(dist, join(elsewhere, 'dist'), { recursive: true });
  const cwd = isLeftOut ? options.cwd : elsewhere;
  // A bundler may have put in where the packages were.
  const hidden = join(options.cwd, 'hidden');
  if (!isLeftOut) renameSync(modules, hidden);
  try {
    const { stdout } = await run(program, { ...options, cwd });
    check(JSON.parse(stdout), {
      isWhole: isLeftOut || CARRIES_ALL.test(name),
      hasKoffi: isLeftOut || CARRIES_KOFFI.test(name),
    });
  } finally {
    if (!isLeftOut) renameSync(hidden, modules);
  }
  return isLeftOut ? 'where its packages are' : 'elsewhere';
}

/**
 * The recipes copy the addon for one platform: here it is the one that npm has installed.
 *
 * @param {string} script
 * @param {string} modules the project's `node_modules`.
 */
function forThisSystem(script, modules) {
  const installed = readdirSync(join(modules, '@pageferry')).filter((name) =>
    name.startsWith('linux-napi-linux-'),
  );
  const [addon, ...others] = installed;
  if (addon === undefined || others.length > 0) {
    throw new Error(`npm has installed these addons: ${installed.join(', ') || 'none'}`);
  }
  return script.replaceAll('linux-napi-linux-x64-gnu', addon);
}

/**
 * Looks at what the program says.
 *
 * @param {any} said see `bundled/app.js`.
 * @param {{ isWhole: boolean, hasKoffi: boolean }} expected
 */
function check({ chosen, reasons, asked, crossed, nodeFfi, findings, evidence }, expected) {
  const { 'vmsplice-ffi': ffi, ...others } = crossed;
  const wrong = Object.entries(others).filter(([, outcome]) => outcome !== 'crossed');
  if (chosen !== 'shared-mmap') wrong.push(['the choice', reasons]);
  if (asked !== 'shared-mmap') wrong.push(['question and answer', asked]);
  if (expected.hasKoffi ? ffi !== 'crossed' : !/^BINDING_UNAVAILABLE .*koffi/.test(ffi)) {
    wrong.push(['vmsplice-ffi', ffi]);
  }
  const isSaid = findings.join().includes('was bundled without its programs');
  const isSeen = evidence.join().includes('the other process sees');
  if (isSaid === expected.isWhole || isSeen !== expected.isWhole) {
    wrong.push(['the programs of the doctor', [...findings, ...evidence]]);
  }
  // Before Node 26.9 there is no node:ffi.
  const isRefused = /bundled without splice-worker\.js/.test(nodeFfi);
  if (isRefused === expected.isWhole) wrong.push(['the worker of node:ffi', nodeFfi]);
  if (wrong.length > 0) throw new Error(wrong.map((each) => each.join(': ')).join('\n'));
}
