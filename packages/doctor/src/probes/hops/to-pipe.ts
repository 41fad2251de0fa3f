import { dispose } from '@pageferry/core';
import { checkResult, createPipe, type LinuxCalls, Scope } from '@pageferry/linux';
import { findingOf } from '../finding.js';
import { type Bench, type Hop, loadPipe } from './hop.js';

type Move = (calls: LinuxCalls, from: number, to: number, byteLength: number) => number;

/** Pipe to pipe: references move. */
export const splicePipeHop: Hop = {
  name: 'splice-pipe',
  probe: (bench) => probe(bench, 'splice', (calls, ...move) => calls.splice(...move, 0)),
};

/** Pipe to pipe: references are shared. */
export const teeHop: Hop = {
  name: 'tee',
  probe: (bench) => probe(bench, 'tee', (calls, ...move) => calls.tee(...move, 0)),
};

async function probe({ calls, observer }: Bench, name: string, move: Move) {
  const scope = new Scope();
  try {
    const first = scope.own(loadPipe(calls));
    const second = createPipe(calls);
    const readEnd = scope.own(second.readEnd);
    const writeEnd = scope.own(second.writeEnd);
    checkResult(move(calls, first.readEnd.fd, writeEnd.fd, calls.pageSize()), name);
    first.pages.change();
    return findingOf(observer, await observer.read(readEnd.fd));
  } finally {
    scope[dispose]();
  }
}
