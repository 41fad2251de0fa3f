// Asks for its port twice, and then as a process that was not forked.
import { fork } from 'node:child_process';
import { parentPort } from '@pageferry/workers';

const [, , role] = process.argv;
if (role === 'grandchild') {
  process.send?.(await parentPort().catch((error) => error.code));
  process.disconnect?.();
} else {
  const port = await parentPort();
  const isSame = (await parentPort()) === port;
  const grandchild = fork(new URL(import.meta.url), ['grandchild']);
  grandchild.once('message', async (code) => {
    await port.send({ isSame, code });
    await port.close();
    process.disconnect?.();
  });
}
