import { openSync } from 'node:fs';
import { checkResult } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import type { PairWorkload } from '../task.js';
import { PIPE_FD, peerWorkload, reportTime } from './workload-peer.js';

const PIECE = 256 * 1024;

const { discard, messageBytes, count, warmUp } = peerWorkload<PairWorkload>();
const calls = loadLinuxCalls();
const nothing = openSync('/dev/null', 'w');
const memory = new Uint8Array(messageBytes).fill(1);
const total = messageBytes * (warmUp + count);
for (let got = 0; got < total; ) {
  const offset = got % messageBytes;
  const length = Math.min(PIECE, messageBytes - offset);
  got += discard
    ? checkResult(calls.splice(PIPE_FD, nothing, length, 0), 'splice')
    : checkResult(calls.read(PIPE_FD, memory, offset, length), 'read');
}
reportTime();
process.disconnect?.();
