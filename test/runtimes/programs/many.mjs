// Many small messages one way over shared memory: `many.mjs <send|receive> <endpoint> <count>`. Who receives prints how
// many have come, and how many of them were not the one that was to come.
import { sharedMmap } from '@pageferry/shared-mmap';

const [role, endpoint, count] = process.argv.slice(2);
if (role === 'send') {
  const sender = await sharedMmap.createSender({ endpoint });
  await sender.waitForReceivers();
  for (let number = 0; number < Number(count); number++) {
    const loan = await sender.loan(16);
    loan.bytes.fill(number & 255);
    await loan.send();
  }
  await sender.close();
} else {
  const receiver = await sharedMmap.createReceiver({ endpoint });
  let [received, wrong] = [0, 0];
  for await (const message of receiver) {
    if (message.bytes.some((byte) => byte !== (received & 255))) wrong++;
    received++;
    message.release();
  }
  await receiver.close();
  console.log(JSON.stringify({ received, wrong }));
}
