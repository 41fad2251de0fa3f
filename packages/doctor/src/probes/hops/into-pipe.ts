import { dispose } from '@pageferry/core';
import { checkResult, createPipe, type LinuxCalls, Scope } from '@pageferry/linux';
import { findingOf } from '../finding.js';
import { TestedPages } from '../source.js';
import type { Bench, Hop } from './hop.js';

type Put = (calls: LinuxCalls, writeEnd: number, bytes: Uint8Array) => number;

/** User memory to pipe, by reference. */
export const vmspliceHop: Hop = {
  name: 'vmsplice',
  probe: (bench) =>
    probe(bench, 'vmsplice', (calls, fd, bytes) => calls.vmsplice(fd, bytes, 0, bytes.length, 0)),
};

/** User memory to pipe, the ordinary way. */
export const writeHop: Hop = {
  name: 'write',
  probe: (bench) =>
    probe(bench, 'write', (calls, fd, bytes) => calls.write(fd, bytes, 0, bytes.length)),
};

async function probe({ calls, observer }: Bench, name: string, put: Put) {
  const scope = new Scope();
  try {
    const pipe = createPipe(calls);
    const readEnd = scope.own(pipe.readEnd);
    const writeEnd = scope.own(pipe.writeEnd);
    const pages = scope.own(TestedPages.anonymous(calls));
    checkResult(put(calls, writeEnd.fd, pages.bytes), name);
    pages.change();
    return findingOf(observer, await observer.read(readEnd.fd));
  } finally {
    scope[dispose]();
  }
}
