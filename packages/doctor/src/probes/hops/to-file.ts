import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { dispose } from '@pageferry/core';
import { checkResult, createMemoryFile, O_DIRECT, Scope } from '@pageferry/linux';
import { findingWithFrames } from '../finding.js';
import type { Finding } from '../probe.js';
import { type Bench, type Hop, loadPipe } from './hop.js';

/** Pipe to a memfd. */
export const spliceMemfdHop: Hop = {
  name: 'splice-memfd',
  async probe(bench) {
    const scope = new Scope();
    try {
      const file = scope.own(createMemoryFile(bench.calls, 'pageferry-doctor'));
      return await throughPageCache(bench, file.fd);
    } finally {
      scope[dispose]();
    }
  },
};

/** Pipe to a file of the folder's file system. */
export const spliceFileHop: Hop = {
  name: 'splice-file',
  probe: (bench) => withFile(bench.folder, 0, (fd) => throughPageCache(bench, fd)),
};

/** Pipe to the same kind of file, past the page cache. */
export const spliceDirectFileHop: Hop = {
  name: 'splice-direct-file',
  probe: (bench) => withFile(bench.folder, O_DIRECT, (fd) => toDevice(bench, fd)),
};

async function throughPageCache({ calls, observer }: Bench, fd: number): Promise<Finding> {
  const scope = new Scope();
  try {
    const pipe = scope.own(loadPipe(calls));
    checkResult(calls.splice(pipe.readEnd.fd, fd, calls.pageSize(), 0), 'splice');
    pipe.pages.change();
    return findingWithFrames(observer, pipe.pages, await observer.map(fd, calls.pageSize()));
  } finally {
    scope[dispose]();
  }
}

/** The kernel maps this many cached pages along with the one that is touched (`fault_around_bytes`). */
const PAGES = 16;

/**
 * The device has read the pages by the time splice returns, so a change comes too late to be seen
 * either way. But had the bytes been copied, the copy would be in the page cache: whoever maps the
 * file and touches one page gets the neighbours that are there already.
 */
async function toDevice({ calls, observer }: Bench, fd: number): Promise<Finding> {
  const byteLength = PAGES * calls.pageSize();
  const scope = new Scope();
  try {
    const pipe = scope.own(loadPipe(calls, byteLength));
    checkResult(calls.splice(pipe.readEnd.fd, fd, byteLength, 0), 'splice');
    pipe.pages.change();
    const { presentPages } = await observer.map(fd, byteLength);
    if (presentPages === undefined) throw new Error('/proc/self/pagemap cannot be read');
    if (presentPages > 1) {
      const cached = `${presentPages} of ${PAGES} pages were in the page cache afterwards`;
      return { result: 'copies', evidence: `${cached}: they were copied there` };
    }
    const evidence =
      'nothing was in the page cache afterwards: the device has read the pages itself';
    return { result: 'references', evidence };
  } finally {
    scope[dispose]();
  }
}

async function withFile(
  parent: string,
  flags: number,
  use: (fd: number) => Promise<Finding>,
): Promise<Finding> {
  const folder = mkdtempSync(join(parent, 'pageferry-doctor-'));
  const file = join(folder, 'probe');
  try {
    const { O_RDWR, O_CREAT } = constants;
    const fd = openSync(file, O_RDWR | O_CREAT | flags, 0o600);
    try {
      return await use(fd);
    } finally {
      closeSync(fd);
    }
  } finally {
    // Where the file system has no direct I/O, open(2) makes the file before it fails.
    if (existsSync(file)) unlinkSync(file);
    rmdirSync(folder);
  }
}
