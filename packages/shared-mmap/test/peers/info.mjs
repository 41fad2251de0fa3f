// @ts-check
// Meets itself or somebody else, and tells what came of it. `program ROLE ENDPOINT`:
//   sender  tells the credentials of its first receiver
//   both    sends and receives within one process; tells 'met', or the code of the error
//   exchange  sends itself a message of LENGTH bytes through a small pool; tells how long it was
import { sharedMmap } from '@pageferry/shared-mmap';

const [role, endpoint = '', length] = process.argv.slice(2);
const sender = await sharedMmap.createSender({ endpoint, poolBytes: 65536 });
if (role === 'sender') {
  process.send?.('bound');
  await sender.waitForReceivers();
  process.send?.(sender.receivers[0]?.credentials ?? 'nobody knows');
  await sender.close();
} else if (role === 'exchange') {
  const receiver = await sharedMmap.createReceiver({ endpoint });
  await sender.waitForReceivers();
  await sender.send(new Uint8Array(Number(length)));
  const delivery = await receiver.receive();
  process.send?.(delivery?.byteLength);
  delivery?.release();
  await receiver.close();
  await sender.close();
} else {
  try {
    const receiver = await sharedMmap.createReceiver({ endpoint, timeout: 10_000 });
    process.send?.('met');
    await receiver.close();
  } catch (error) {
    process.send?.(/** @type {{ code: string }} */ (error).code);
  }
  await sender.destroy();
}
process.disconnect?.();
