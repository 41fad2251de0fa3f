import { dispose } from '@pageferry/core';
import { Scope } from '@pageferry/linux';
import { findingWithFrames } from '../finding.js';
import type { Observer } from '../observer.js';
import { type Bench, type Hop, loadPipe } from './hop.js';

/** Pipe to user memory, the ordinary way. */
export const readHop: Hop = {
  name: 'read',
  probe: (bench) => probe(bench, (observer, fd) => observer.read(fd)),
};

/** Pipe to user memory, by vmsplice on the read end. */
export const vmspliceReadHop: Hop = {
  name: 'vmsplice-read',
  probe: (bench) => probe(bench, (observer, fd) => observer.vmsplice(fd)),
};

/** Here the observer's call is the hop: it takes the page, and looks again after the change. */
async function probe(
  { calls, observer }: Bench,
  take: (observer: Observer, fd: number) => Promise<unknown>,
) {
  const scope = new Scope();
  try {
    const pipe = scope.own(loadPipe(calls));
    await take(observer, pipe.readEnd.fd);
    pipe.pages.change();
    return findingWithFrames(observer, pipe.pages, await observer.look());
  } finally {
    scope[dispose]();
  }
}
