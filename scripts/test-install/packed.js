// The packages as they are released, in a registry of their own.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { plainEnvironment, run } from '../release/commands.js';
import { ROOT } from '../release/pack.js';
import { publish } from '../release/publish.js';
import { startRegistry } from './registry.js';

/**
 * Publishes tarballs into a registry on loopback, as a release does.
 *
 * @param {readonly import('../release/pack.js').Tarball[]} tarballs
 * @param {string} folder for npm's settings.
 * @param {object} [options]
 * @param {boolean} [options.isAlone] whether the registry answers for nothing else.
 * @returns {Promise<import('./registry.js').Registry>}
 */
export async function publishOnLoopback(tarballs, folder, { isAlone = false } = {}) {
  const upstream = isAlone ? undefined : await registryOfThisMachine();
  const registry = await startRegistry(upstream === undefined ? {} : { upstream });
  const home = join(folder, 'publisher');
  mkdirSync(home);
  for await (const _ of publish(tarballs, { cwd: home, env: environmentFor(registry, home) }));
  return registry;
}

/**
 * The environment of a program that installs or publishes: the settings and caches are in a folder of their own, and the
 * registry is the one given.
 *
 * @param {import('./registry.js').Registry} registry
 * @param {string} folder
 * @returns {NodeJS.ProcessEnv}
 */
export function environmentFor({ url }, folder) {
  const settings = join(folder, 'user.npmrc');
  const lines = [
    `registry=${url}`,
    `${url.replace('http:', '')}:_authToken=anyone`, // npm and pnpm publish with some token alone.
    'audit=false',
    'fund=false',
    'update-notifier=false',
    'replace-registry-host=never',
  ];
  writeFileSync(settings, `${lines.join('\n')}\n`);
  return plainEnvironment({
    HOME: folder,
    XDG_CACHE_HOME: join(folder, 'cache'),
    XDG_CONFIG_HOME: join(folder, 'config'),
    XDG_DATA_HOME: join(folder, 'data'),
    XDG_STATE_HOME: join(folder, 'state'),
    npm_config_userconfig: settings,
    npm_config_cache: join(folder, 'cache/npm'),
  });
}

/** Where this machine's npm installs from. */
export async function registryOfThisMachine() {
  const { stdout } = await run(['npm', 'config', 'get', 'registry'], {
    cwd: ROOT,
    env: process.env,
  });
  return stdout.trim();
}
