import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, totalmem } from 'node:os';
import { thisMachine } from '@pageferry/measuring/machine';
import type { Machine } from './results.js';

/** Describes this machine, without anything that names it. */
export function describeMachine(): Machine {
  const compiler = compilerVersion();
  return {
    ...thisMachine(),
    memoryBytes: totalmem(),
    architecture: arch(),
    ...(compiler && { compiler }),
    packages: packageVersions(),
  };
}

function compilerVersion(): string | undefined {
  try {
    const output = execFileSync(process.env['CC'] ?? 'cc', ['--version'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return output.split('\n')[0];
  } catch {
    return undefined;
  }
}

function packageVersions(): Record<string, string> {
  const own = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const require = createRequire(import.meta.url);
  const versions: Record<string, string> = {};
  for (const name of [...Object.keys(own.dependencies), 'zeromq']) {
    if (!name.startsWith('@pageferry/') && name !== 'zeromq') continue;
    const version = versionOf(name, require);
    if (version !== undefined) versions[name] = version;
  }
  return versions;
}

/**
 * From the package's own `package.json`, which `exports` may hide: so it is looked for on disk. A private
 * package takes no part in what is compared.
 */
function versionOf(name: string, require: NodeJS.Require): string | undefined {
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      const manifest = JSON.parse(readFileSync(`${folder}/${name}/package.json`, 'utf8'));
      return manifest.private ? undefined : manifest.version;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}
