import { loadLinuxCalls } from '@pageferry/linux-napi';
import { type Act, type Choices, live, RawSocket, type Role } from '@pageferry/testkit/hostile';
import { Random } from '../random.js';
import type { HonestTask, LiarSaid, Task } from './task.js';
import { turn } from './traffic.js';

/**
 * The hostile process: leads one life after the other, none of it with a class of Pageferry's. Its first message is an
 * {@link HonestTask}. In between, if it is told so, it leaves everybody alone for as long, and is as busy.
 */
const say = (said: LiarSaid): void => void process.send?.(said);
const calls = loadLinuxCalls();
/** How long it is hostile, and then quiet, in milliseconds. */
const SLICE = 100;
/** Where nobody lets it in during so many lives, one after the other, it is played against no one. */
const MOST_IN_VAIN = 2000;
const MAX_CHANGES = 20_000;

let life = 0;
let act = '';
process.once('disconnect', () => {
  process.stderr.write(`the other side has ended during or after life ${life} (${act})\n`);
  process.exit(1);
});
process.once('message', ({ task, endpoint }: HonestTask) => void play(task, endpoint));

async function play(task: Task, endpoint: string): Promise<void> {
  const { backend, pattern, side, seed, changes, leastLives, crowd, hasQuiet } = task;
  const mechanism = backend.replace(/-(napi|ffi)$/, '') as Role['mechanism'];
  const isChannel = pattern !== 'publish';
  const opened =
    side === 'opener' ? RawSocket.listen(calls, endpoint, mechanism === 'socket') : undefined;
  const tally = { lives: 0, connected: 0, givenUp: 0, changes: 0 };
  const acts: Partial<Record<Act, number>> = {};
  let since = performance.now();
  let inVain = 0;
  say({ phase: 'hostile', life });
  while (tally.changes < changes || tally.lives < leastLives) {
    if (performance.now() - since > SLICE) {
      if (hasQuiet) await keepQuiet(performance.now() - since, life);
      say({ phase: 'hostile', life });
      since = performance.now();
    }
    const choices = new Random(seed, backend, pattern, side, task.life ?? life);
    const role: Role = { mechanism, isChannel, policy: choices.oneOf([0, 0, 1, 2]) };
    const at = opened ?? endpoint;
    const lived = live({ calls, at, role, choices, maxChanges: MAX_CHANGES, crowd, onAct });
    tally.lives++;
    tally.changes += lived.changes;
    if (lived.isConnected) tally.connected++;
    inVain = lived.isConnected || task.life !== undefined ? 0 : inVain + 1;
    if (inVain > MOST_IN_VAIN) throw new Error(`nobody lets it in during ${inVain} lives`);
    if (lived.isGivenUp) tally.givenUp++;
    acts[lived.act] = (acts[lived.act] ?? 0) + 1;
    life++;
    await turn();
  }
  opened?.close();
  process.removeAllListeners('disconnect');
  say({ deeds: { ...tally, acts } });
  process.disconnect();
}

function onAct(name: Act): void {
  act = name;
}

const ownMemory = new Int32Array(65_536);

/** Changes memory of its own for so long. */
async function keepQuiet(milliseconds: number, before: number): Promise<void> {
  say({ phase: 'quiet', life: before });
  const choices: Choices = new Random('quiet', before);
  const end = performance.now() + milliseconds;
  while (performance.now() < end) {
    for (let change = 0; change < 1000; change++) {
      ownMemory[choices.below(ownMemory.length)] = choices.below(2 ** 32) | 0;
    }
    await turn();
  }
}
