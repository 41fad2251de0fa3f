import { dispose } from '@pageferry/core';
import type { LinuxCalls, OwnedFd, Pipe } from '@pageferry/linux';
import { createPipe } from '@pageferry/linux';
import type { Observer } from '../observer.js';
import type { Finding, HopName } from '../probe.js';
import { findSource, type TestedPages } from '../source.js';

/** What every probe works with. It owns none of it. */
export interface Bench {
  readonly calls: LinuxCalls;
  readonly observer: Observer;
  /** Where files are made. */
  readonly folder: string;
}

/** One hop, and how to find out about it. */
export interface Hop {
  readonly name: HopName;
  /** Throws what makes the hop unavailable. */
  readonly probe: (bench: Bench) => Promise<Finding>;
}

/** A pipe that holds references to pages of this process. */
export interface LoadedPipe extends Disposable {
  readonly readEnd: OwnedFd;
  readonly pages: TestedPages;
}

/**
 * Puts references to `byteLength` bytes into a new pipe, by whatever way works here.
 *
 * @throws what is in the way.
 */
export function loadPipe(calls: LinuxCalls, byteLength = calls.pageSize()): LoadedPipe {
  const source = findSource(calls);
  const pipe = createPipe(calls);
  try {
    const pages = source.put(calls, pipe.writeEnd.fd, byteLength);
    return {
      readEnd: pipe.readEnd,
      pages,
      [dispose]() {
        pages[dispose]();
        closePipe(pipe);
      },
    };
  } catch (error) {
    closePipe(pipe);
    throw error;
  }
}

/** Closes both ends. */
function closePipe({ readEnd, writeEnd }: Pipe): void {
  readEnd.close();
  writeEnd.close();
}
