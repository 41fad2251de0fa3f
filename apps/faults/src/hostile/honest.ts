import type { Channel } from '@pageferry/core';
import { loadBackend } from '../backends.js';
import { LIMIT } from '../until.js';
import type { HonestSaid, HonestTask } from './task.js';
import { HonestSide, talk } from './traffic.js';

/** The honest process: the counterpart of the one that is played against. Its first message is an {@link HonestTask}. */
const say = (said: HonestSaid): void => void process.send?.(said);
const side = new HonestSide((fault) => say({ fault }));
process.on('warning', () => undefined);
process.once('disconnect', () => process.exit());
process.once('message', (given: HonestTask) => {
  process.on('message', () => side.stop());
  play(given).then(
    () => say({ traffic: side.traffic }),
    (error) => {
      say({ fault: `a call of the honest peer rejects: ${error.stack}` });
      say({ traffic: side.traffic });
    },
  );
});

async function play({ task, endpoint }: HonestTask): Promise<void> {
  const { transport, options } = await loadBackend(task.backend);
  const place = { ...options, endpoint };
  const isRequest = task.pattern === 'request';
  // The hostile peer comes to the same endpoint, or has one of its own: then the honest side opens this one.
  if (task.pattern === 'publish' && task.side === 'comer') {
    const receiver = await transport.createReceiver({ ...place, ...LIMIT });
    await side.receive(receiver);
    await receiver.close();
  } else if (task.pattern === 'publish') {
    const sender = await transport.createSender(place);
    say({ ready: true });
    await sender.waitForReceivers(1, LIMIT);
    await side.send(sender);
    await sender.close(LIMIT);
  } else if (task.side === 'comer') {
    const channel = await transport.connect({ ...place, ...LIMIT });
    await converse(channel, isRequest);
    await channel.close(LIMIT);
  } else {
    const listener = await transport.listen(place);
    say({ ready: true });
    const channel = await listener.accept(LIMIT);
    await converse(channel, isRequest);
    await listener.close(LIMIT);
  }
}

/** It is told to stop when the other side asks nothing more, and so it ends first: until then it has to answer. */
async function converse(channel: Channel, isRequest: boolean): Promise<void> {
  const { working, served } = talk(side, channel, isRequest);
  await working;
  await channel.finish(LIMIT);
  await served;
}
