import { checkResult, MADV_HUGEPAGE, MADV_POPULATE_WRITE, Mapping } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import type { PairWorkload } from '../task.js';
import { PIPE_FD, peerWorkload, reportTime } from './workload-peer.js';

// The loop of the C program, one blocking system call at a time: what Node itself costs.
const PIECE = 256 * 1024;
const HUGE_PAGE = 2 * 1024 * 1024;

const { messageBytes, count, warmUp } = peerWorkload<PairWorkload>();
const calls = loadLinuxCalls();
const rounded = Math.ceil(messageBytes / HUGE_PAGE) * HUGE_PAGE;
using mapping = Mapping.anonymous(calls, rounded + HUGE_PAGE);
const offset = Number(-calls.addressOf(mapping.buffer) & BigInt(HUGE_PAGE - 1));
calls.madvise(mapping.buffer, offset, rounded, MADV_HUGEPAGE);
calls.madvise(mapping.buffer, offset, rounded, MADV_POPULATE_WRITE);
const message = new Uint8Array(mapping.buffer, offset, messageBytes);
for (let index = 0; index < warmUp + count; index++) {
  if (index === warmUp) reportTime();
  for (let at = 0; at < messageBytes; ) {
    const length = Math.min(PIECE, messageBytes - at);
    at += checkResult(calls.vmsplice(PIPE_FD, message, at, length, 0), 'vmsplice');
  }
}
calls.close(PIPE_FD);
process.disconnect?.();
