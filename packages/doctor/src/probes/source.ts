import { dispose, isPageferryError, PageferryError } from '@pageferry/core';
import {
  checkResult,
  createPipe,
  createSealedMemory,
  type LinuxCalls,
  Mapping,
  PROT_READ,
  PROT_WRITE,
  Scope,
} from '@pageferry/linux';
import { firstFrame } from './page-frames.js';

/** What a page holds when it sets out. */
export const BEFORE = 1;

/** What is written to it later. Whoever sees that has the page itself. */
export const AFTER = 2;

/** Pages of this process that set out on a hop. */
export class TestedPages implements Disposable {
  readonly #calls: LinuxCalls;
  readonly #memory: Mapping;
  readonly bytes: Uint8Array;

  /** Takes `memory` over, and fills it with {@link BEFORE}. */
  constructor(calls: LinuxCalls, memory: Mapping) {
    this.#calls = calls;
    this.#memory = memory;
    this.bytes = new Uint8Array(memory.buffer).fill(BEFORE);
  }

  /** Private memory of this process. */
  static anonymous(calls: LinuxCalls, byteLength = calls.pageSize()): TestedPages {
    return new TestedPages(calls, Mapping.anonymous(calls, byteLength));
  }

  /** Writes {@link AFTER}, once the hop is done. */
  change(): void {
    this.bytes.fill(AFTER);
  }

  /** The physical page behind the first one, where it can be known. */
  frame(): number | undefined {
    return firstFrame(this.#calls, this.#memory.buffer);
  }

  [dispose](): void {
    this.#memory.close();
  }
}

/** A way to get references to pages of this process into a pipe. */
export interface PageSource {
  /** Puts `byteLength` bytes into the pipe. The pages are the caller's to close. */
  put(calls: LinuxCalls, writeEnd: number, byteLength: number): TestedPages;
}

/** vmsplice(2) of private memory. */
const byVmsplice: PageSource = {
  put(calls, writeEnd, byteLength) {
    const pages = TestedPages.anonymous(calls, byteLength);
    const taken = calls.vmsplice(writeEnd, pages.bytes, 0, byteLength, 0);
    if (taken < 0) pages[dispose]();
    checkResult(taken, 'vmsplice');
    return pages;
  },
};

/** splice(2) out of a memfd that this process has mapped: for kernels that refuse vmsplice. */
const bySplice: PageSource = {
  put(calls, writeEnd, byteLength) {
    const scope = new Scope();
    try {
      const memfd = scope.own(createSealedMemory(calls, 'pageferry-doctor', byteLength));
      const memory = Mapping.shared(calls, memfd.fd, byteLength, PROT_READ | PROT_WRITE);
      const pages = new TestedPages(calls, memory);
      const moved = calls.splice(memfd.fd, writeEnd, byteLength, 0);
      if (moved < 0) pages[dispose]();
      checkResult(moved, 'splice');
      return pages;
    } finally {
      scope[dispose]();
    }
  },
};

/**
 * The first way that works on this kernel.
 *
 * @throws an error that says why there is none: without references in a pipe, nothing can be told of
 *   what becomes of them further on.
 */
export function findSource(calls: LinuxCalls): PageSource {
  let first: unknown;
  for (const source of [byVmsplice, bySplice]) {
    try {
      if (putsReferences(calls, source)) return source;
    } catch (error) {
      first ??= error;
    }
  }
  throw noSource(first);
}

function noSource(cause: unknown): Error {
  const words = 'no page reference gets into a pipe here';
  if (!isPageferryError(cause)) return new Error(`${words}: every call copies`);
  const { syscall, errno } = cause;
  return new PageferryError('SYSTEM_CALL_FAILED', `${words}: ${cause.message}`, {
    cause,
    ...(syscall === undefined ? {} : { syscall }),
    ...(errno === undefined ? {} : { errno }),
  });
}

function putsReferences(calls: LinuxCalls, source: PageSource): boolean {
  const scope = new Scope();
  try {
    const pipe = createPipe(calls);
    const readEnd = scope.own(pipe.readEnd);
    const writeEnd = scope.own(pipe.writeEnd);
    const pages = scope.own(source.put(calls, writeEnd.fd, calls.pageSize()));
    pages.change();
    const arrived = new Uint8Array(1);
    checkResult(calls.read(readEnd.fd, arrived, 0, 1), 'read');
    return arrived[0] === AFTER;
  } finally {
    scope[dispose]();
  }
}
