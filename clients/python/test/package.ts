import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the package's sources. */
export const SOURCE = fileURLToPath(new URL('..', import.meta.url));

const NEEDS =
  'import sys, sysconfig, os, tomllib, numpy, pytest; open(os.path.join(sysconfig.get_path("include"), "Python.h"))';

/** A Python from 3.11 on, with its headers, numpy and pytest; `undefined` if there is none. */
export const python = ['python3', '/usr/bin/python3'].find(
  (each) => spawnSync(each, ['-c', NEEDS]).status === 0,
);

/** Why nothing can be tested here, if that is so. */
export const obstacle =
  python === undefined
    ? 'there is no Python 3.11 with python3-dev, python3-numpy and python3-pytest'
    : spawnSync('cc', ['--version']).status === 0
      ? undefined
      : 'there is no C compiler';

/** Builds the package, with everything that warns, and unpacks it into a folder, as an installer would. */
export function build(folder: string): string {
  const site = join(folder, 'site');
  mkdirSync(site);
  const code = `import build_backend; print(build_backend.build_wheel(${JSON.stringify(folder)}))`;
  const warnings = '-Wconversion -Wsign-conversion -Werror';
  const wheel = execFileSync(python ?? '', ['-B', '-c', code], {
    cwd: SOURCE,
    encoding: 'utf8',
    env: { ...process.env, CFLAGS: warnings },
  }).trim();
  execFileSync(python ?? '', ['-m', 'zipfile', '-e', join(folder, wheel), site]);
  return site;
}

/** The environment of a program that uses the package. */
export function environmentOf(site: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PYTHONPATH: site,
    PYTHONDONTWRITEBYTECODE: '1',
    PAGEFERRY_NODE: process.execPath,
  };
}
