import { type BackendName, loadBackend } from '../backends.js';
import { openers } from '../killing/openers.js';
import { codeOf, follow, type Witness } from '../killing/traffic.js';
import type { Said } from '../killing/victim-process.js';
import { LIMIT } from '../until.js';
import { sendSome, talk } from './talk.js';
import type { Visit } from './visit.js';

/** What a guest is told. */
export interface GuestTask {
  readonly visit: Visit;
  readonly endpoint: string;
}

/** What a guest says that has left in order. */
export interface GuestReport {
  /** How many messages it has sent or received. */
  readonly count: number;
}

/** A process that comes, and leaves in order or is killed. Then nothing keeps it alive. */
const say = (said: Said): void => void process.send?.(said);
let count = 0;
const witness: Witness = {
  delivered: () => count++,
  fault: (fault) => say({ fault }),
};

process.on('warning', () => undefined); // That a connection has failed is no news here.
// Whoever has started it may be gone.
const giveUp = (): never => process.exit();
process.once('disconnect', giveUp);
const backend = await loadBackend(process.argv[2] as BackendName);
process.once('message', async (task: GuestTask) => {
  try {
    await play(task);
    say({ report: { count } satisfies GuestReport });
  } catch (error) {
    // What is open then may keep it alive.
    process.send?.({ fault: codeOf(error) } satisfies Said, () => process.exit());
    return;
  }
  process.off('disconnect', giveUp);
  process.disconnect();
});
say({ said: 'loaded' });

async function play({ visit, endpoint }: GuestTask): Promise<void> {
  const { plan, kind, ending } = visit;
  const open = openers(backend, plan, endpoint);
  const most = ending === 'leaves' ? visit.most : Number.POSITIVE_INFINITY;
  if (kind === 'send') {
    const sender = await open.sender();
    await sender.waitForReceivers(1, LIMIT);
    say({ said: 'at' });
    count = await sendSome(sender, plan, most);
    await sender.close(LIMIT);
  } else if (kind === 'receive') {
    const receiver = await open.receiver(plan.policy);
    say({ said: 'at' });
    const { ending: seen } = await follow(receiver, plan, witness, plan.policy === 'wait', {
      most,
    });
    if (seen !== 'end') witness.fault(`the stream of the house has ended: ${seen}`);
    await receiver.close();
  } else {
    const isOpener = kind === 'listen';
    const listener = isOpener ? await open.listener() : undefined;
    const channel = listener === undefined ? await open.channel() : await listener.accept(LIMIT);
    say({ said: 'at' });
    const seen = await talk(channel, plan, most, witness, false);
    if (seen !== 'end') witness.fault(`the channel of the house has ended: ${seen}`);
    await listener?.close(LIMIT);
  }
}
