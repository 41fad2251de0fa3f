/** What the prebuilt addons are made and tried with, from npm. No other work needs it: it is large. */
import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../tools/', import.meta.url));

/** Installs the tools, in the versions and with the checksums of tools/package-lock.json; returns where. */
export function installTools() {
  const modules = join(folder, 'node_modules');
  const [lock, done] = ['package-lock.json', 'node_modules/.package-lock.json'].map((name) =>
    join(folder, name),
  );
  if (existsSync(done) && statSync(done).mtimeMs > statSync(lock).mtimeMs) return modules;
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--silent', '--force'];
  execFileSync('npm', ['ci', ...options], { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
  return modules;
}
