import { readFileSync } from 'node:fs';
import { type ElfFile, readElf } from './elf.js';
import { cLibraryOfThisSystem } from './this-system.js';

/**
 * Why an addon did not load, as a sentence without its full stop: out of what Node said, and what is written in
 * the file.
 *
 * @param path `undefined` if it is not known: then in Node's words alone.
 */
export function whyNotLoaded(path: string | undefined, cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (path === undefined) return message;
  if (code === 'ERR_ACCESS_DENIED') {
    return `Node's permission model keeps it from reading ${path} (--allow-fs-read)`;
  }
  return fileFault(path) ?? systemFault(path, message) ?? `${path}: ${message}`;
}

/** What is wrong with the file itself, here. */
function fileFault(path: string): string | undefined {
  let file: Buffer;
  try {
    file = readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return `there is no file ${path}`;
    if (code === 'EACCES') return `this user may not read ${path} (EACCES)`;
    return `${path} cannot be read (${code})`;
  }
  let elf: ElfFile;
  try {
    elf = readElf(file);
  } catch {
    return `${path} is not an addon for Linux, or not a whole one`;
  }
  if (elf.arch !== process.arch) {
    return `${path} is for ${elf.arch}, and this Node is for ${process.arch}`;
  }
  const { name } = cLibraryOfThisSystem();
  if (elf.libc !== undefined && elf.libc !== name) {
    return `${path} is for ${elf.libc}, and this Node runs with ${name}`;
  }
  return undefined;
}

/** What the dynamic loader found missing. */
function systemFault(path: string, message: string): string | undefined {
  const [, wanted] = /version `(GLIBC_[\d.]+)' not found/.exec(message) ?? [];
  if (wanted !== undefined) {
    const { version } = cLibraryOfThisSystem();
    return `the C library is too old: ${path} wants ${wanted}, and this is glibc ${version}`;
  }
  if (/failed to map segment from shared object: Operation not permitted/.test(message)) {
    return `${path} is on a file system that is mounted with noexec`;
  }
  return undefined;
}
