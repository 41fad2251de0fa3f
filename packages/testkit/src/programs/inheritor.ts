// A child that has inherited a socket: `program MODULE EXPORT ROLE FD`. Receives messages or sends them,
// and tells of it.
import { fstatSync } from 'node:fs';
import type { Transport } from '@pageferry/core';

const [module = '', name = '', role, fd] = process.argv.slice(2);
const transport: Transport = (await import(module))[name];
const endpoint = `fd:${fd}`;

/** What the descriptor is, if it is open. */
function inode(): number | undefined {
  try {
    return fstatSync(Number(fd)).ino;
  } catch {
    return undefined;
  }
}

if (role === 'receive') {
  const inherited = inode();
  const receiver = await transport.createReceiver({ endpoint });
  // The number may belong to something else by now.
  process.send?.(inode() === inherited ? 'it is still open' : 'handed over');
  for await (const delivery of receiver) {
    process.send?.([delivery.sequence, delivery.copy().toString('latin1').slice(0, 20)]);
    delivery.release();
  }
  process.send?.('end');
  await receiver.close();
} else {
  const sender = await transport.createSender({ endpoint });
  await sender.waitForReceivers();
  for (const text of ['first', 'second']) await sender.send(Buffer.from(text));
  process.send?.([sender.endpoint, 'sent']);
  await sender.flush();
  await sender.close();
}
process.disconnect();
