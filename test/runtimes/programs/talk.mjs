// One side of a talk over a transport, or over the one that is chosen: `talk.mjs <answer|ask> <endpoint> <transport|best>`. Who answers reads the bytes and sends what it has counted; who asks checks
// that, for a small message and for one that no buffer of a socket holds. Prints what has come to pass, in one line.
import { connectBest, openBestListener } from '@pageferry/doctor';
import { sharedMmap } from '@pageferry/shared-mmap';
import { socketTransport } from '@pageferry/socket';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';

const [role, endpoint, choice] = process.argv.slice(2);
const SIZES = [1, 4_000_000];

const transports = [sharedMmap, socketTransport, vmspliceNapi];

async function open() {
  if (choice === 'best') {
    const options = { endpoint, warn: false };
    return role === 'answer' ? openBestListener(options) : connectBest(options);
  }
  const transport = transports.find(({ name }) => name === choice);
  const reasons = [];
  if (role === 'ask')
    return { channel: await transport.connect({ endpoint }), name: choice, reasons };
  return { listener: await transport.listen({ endpoint }), name: choice, reasons };
}

const { listener, channel: own, name, reasons } = await open();
const channel = own ?? (await listener.accept());
let done = 0;
if (listener === undefined) {
  for (const size of SIZES) {
    const answer = await channel.request(Buffer.alloc(size, 7));
    if (answer.copy().toString() === String(7 * size)) done++;
    answer.release();
  }
  await channel.close();
} else {
  for await (const question of channel) {
    const sum = question.bytes.reduce((total, byte) => total + byte, 0);
    await question.respond(Buffer.from(String(sum)));
    question.release();
    done++;
  }
  await listener.close();
}
console.log(JSON.stringify({ name, reasons, done }));
