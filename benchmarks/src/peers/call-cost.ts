/** Measures what calls cost through one binding. */
import type { LinuxCalls } from '@pageferry/linux';
import { loadLinuxCalls as loadFfi } from '@pageferry/linux-ffi';
import { loadLinuxCalls as loadNapi } from '@pageferry/linux-napi';
import { peerWorkload } from './workload-peer.js';

const BINDINGS: Readonly<Record<string, () => LinuxCalls>> = {
  'Node-API': loadNapi,
  koffi: () => loadFfi({ driver: 'koffi' }),
  'node:ffi': () => loadFfi({ driver: 'node' }),
};

const { subject, count } = peerWorkload<{ subject: string; count: number }>();
const calls = (BINDINGS[subject] as () => LinuxCalls)();
const bytes = new Uint8Array(65536);

/** The loop is made anew for each call, so that V8 compiles it for that call alone. */
const LOOPS: Readonly<Record<string, (rounds: number) => void>> = {
  getStatusFlags: (rounds) => {
    for (let index = 0; index < rounds; index++) calls.getStatusFlags(-1);
  },
  poll: (rounds) => {
    for (let index = 0; index < rounds; index++) calls.poll(-1, 1, 0);
  },
  read: (rounds) => {
    for (let index = 0; index < rounds; index++) calls.read(-1, bytes, 0, 65536);
  },
  vmsplice: (rounds) => {
    for (let index = 0; index < rounds; index++) calls.vmsplice(-1, bytes, 0, 65536, 0);
  },
  splice: (rounds) => {
    for (let index = 0; index < rounds; index++) calls.splice(-1, -1, 65536, 0);
  },
};

const cost: Record<string, number> = {};
for (const [call, loop] of Object.entries(LOOPS)) {
  loop(count / 4);
  const begin = process.hrtime.bigint();
  loop(count);
  cost[call] = Number(process.hrtime.bigint() - begin) / count;
}
process.send?.(cost);
process.disconnect?.();
