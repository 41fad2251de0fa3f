import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PROJECTS = fileURLToPath(new URL('projects/', import.meta.url));

/** What is installed from elsewhere, and where it is found. */
const TOOLS = {
  'test/surroundings': ['happy-dom', 'jest', 'jest-environment-jsdom', 'jsdom', 'sinon', 'vitest'],
  'packages/linux-ffi': [`@koromix/koffi-linux-${process.arch}`],
};

/**
 * Makes a project in a temporary folder: the packages as a package manager would put them into
 * `node_modules`, not as links into this repository, which some tools treat as the user's own source.
 *
 * @param {string} tool the folder under `projects`.
 * @returns {string} where it is. The caller removes it.
 */
export function installProject(tool) {
  const project = realpathSync(mkdtempSync(join(tmpdir(), 'pf-project-')));
  const modules = join(project, 'node_modules');
  for (const name of readdirSync(join(ROOT, 'packages'))) {
    const from = join(ROOT, 'packages', name);
    const to = join(modules, '@pageferry', name);
    mkdirSync(to, { recursive: true });
    for (const part of ['package.json', 'dist', 'bundle']) {
      if (existsSync(join(from, part)))
        cpSync(join(from, part), join(to, part), { recursive: true });
    }
  }
  const addon = 'linux-napi/build/Release/linux_napi.node';
  cpSync(join(ROOT, 'packages', addon), join(modules, '@pageferry', addon), { recursive: true });
  for (const [from, names] of Object.entries(TOOLS)) {
    for (const name of names) {
      const installed = join(ROOT, from, 'node_modules', name);
      mkdirSync(dirname(join(modules, name)), { recursive: true });
      symlinkSync(realpathSync(installed), join(modules, name));
    }
  }
  for (const name of readdirSync(PROJECTS)) {
    if (name.endsWith('.js')) cpSync(join(PROJECTS, name), join(project, name));
  }
  cpSync(join(PROJECTS, tool), project, { recursive: true });
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  return project;
}
