import { lstatSync, unlinkSync } from 'node:fs';

/**
 * Tells one file from another. Inode numbers alone are not enough: they are used again. The time of
 * the last change to the content is the one that neither links nor renames touch.
 */
export interface FileIdentity {
  /** Number of the device that has it. */
  readonly dev: bigint;
  /** Number of the inode. */
  readonly ino: bigint;
  /** When its content was last changed, in nanoseconds since 1970. */
  readonly mtimeNs: bigint;
}

/** The identity of the file at `path`, a link not followed; `undefined` if there is none. */
export function identify(path: string): FileIdentity | undefined {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return found && { dev: found.dev, ino: found.ino, mtimeNs: found.mtimeNs };
}

/** True if both are the same file. */
export function isSame(one: FileIdentity, other: FileIdentity | undefined): boolean {
  return one.dev === other?.dev && one.ino === other.ino && one.mtimeNs === other.mtimeNs;
}

/** Removes the file at `path` if it is still that one. One that is gone, or out of reach, stays so. */
export function unlinkIfSame(path: string, identity: FileIdentity | undefined): void {
  try {
    if (identity !== undefined && isSame(identity, identify(path))) unlinkSync(path);
  } catch {
    // It is gone already, or out of reach by now.
  }
}
