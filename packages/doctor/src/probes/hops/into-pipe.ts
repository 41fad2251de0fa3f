import { checkResult, createPipe, type LinuxCalls } from '@pageferry/linux';
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
  const pipe = createPipe(calls);
  using readEnd = pipe.readEnd;
  using writeEnd = pipe.writeEnd;
  using pages = TestedPages.anonymous(calls);
  checkResult(put(calls, writeEnd.fd, pages.bytes), name);
  pages.change();
  return findingOf(observer, await observer.read(readEnd.fd));
}
