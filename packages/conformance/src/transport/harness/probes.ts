import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeChildOptions } from '@pageferry/linux';

/** What this machine allows a test to do, beyond what every Linux does. */

/** The user and group `nobody`, as every Linux distribution numbers them. */
export const NOBODY = 65534;

/** True if processes can be started as another user who can read the module at `moduleUrl`. */
export function canActAsNobody(moduleUrl: string): boolean {
  if (process.getuid?.() !== 0) return false;
  const script = `await import(${JSON.stringify(moduleUrl)})`;
  const { env } = nodeChildOptions();
  const options = { uid: NOBODY, gid: NOBODY, cwd: '/', env };
  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], options);
  return status === 0;
}

/** True if a small tmpfs can be mounted, to fill it up. */
export function canMountTmpfs(): boolean {
  if (process.getuid?.() !== 0) return false;
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-mount-'));
  try {
    mountTmpfs(folder, 4096);
    unmount(folder);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Mounts a tmpfs that holds `byteLength` bytes. */
export function mountTmpfs(folder: string, byteLength: number): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${byteLength}`, 'pageferry', folder], {
    stdio: 'ignore',
  });
}

/** Takes a mounted file system away. */
export function unmount(folder: string): void {
  execFileSync('umount', [folder], { stdio: 'ignore' });
}

/** True if files in the folder for temporary files can be opened with `O_DIRECT`. */
export function canOpenDirectly(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-direct-'));
  try {
    const flags = constants.O_CREAT | constants.O_WRONLY | constants.O_DIRECT;
    closeSync(openSync(join(folder, 'file'), flags, 0o600));
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
