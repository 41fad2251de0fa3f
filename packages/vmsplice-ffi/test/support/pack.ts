import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** npm's own program, so that it can be run with nothing on the path; `undefined` where there is none. */
export function findNpm(): string | undefined {
  const { PATH = '' } = process.env;
  const found = PATH.split(delimiter)
    .map((folder) => join(folder, 'npm'))
    .find((path) => existsSync(path));
  return found && realpathSync(found);
}

/**
 * Packs a package and everything that it needs at run time into `target`: those of the workspace as
 * they would be published, the others as they are installed here. Nothing is downloaded.
 */
export function packWithDependencies(packageFolder: string, target: string): void {
  const done = new Set<string>();
  const pack = (folder: string): void => {
    if (done.has(folder)) return;
    done.add(folder);
    const manifest = readManifest(folder);
    if (manifest.name.startsWith('@pageferry/')) {
      run('npx', ['-y', 'pnpm@12', 'pack', '--pack-destination', target], folder);
    } else {
      run('npm', ['pack', '--ignore-scripts', folder], target);
    }
    const { dependencies = {}, optionalDependencies = {} } = manifest;
    for (const name of Object.keys(dependencies)) pack(findPackage(name, folder) as string);
    for (const name of Object.keys(optionalDependencies)) {
      // Those for other systems are not here.
      const found = findPackage(name, folder);
      if (found !== undefined) pack(found);
    }
  };
  pack(packageFolder);
}

function run(command: string, args: readonly string[], cwd: string): void {
  execFileSync(command, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

/** Where a package that `folder` depends on is installed. */
function findPackage(name: string, folder: string): string | undefined {
  const paths = createRequire(join(folder, 'package.json')).resolve.paths(name) ?? [];
  const found = paths.map((path) => join(path, name, 'package.json')).find(existsSync);
  return found && dirname(realpathSync(found));
}
