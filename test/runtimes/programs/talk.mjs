// One side of a talk over the socket transport, or over what a package is told to choose:
// `talk.mjs <answer|ask> <endpoint> [best]`. Who answers reads the bytes and sends what it has counted; who asks checks
// that, for a small message and for one that no buffer of a socket holds. Prints what has come to pass, in one line.
import { connectBest, openBestListener } from '@pageferry/doctor';
import { socketTransport } from '@pageferry/socket';

const [role, endpoint, choice] = process.argv.slice(2);
const SIZES = [1, 4_000_000];

async function open() {
  if (role === 'answer') {
    if (choice === 'best') return openBestListener({ endpoint, warn: false });
    return { listener: await socketTransport.listen({ endpoint }), name: 'socket', reasons: [] };
  }
  if (choice === 'best') return connectBest({ endpoint, warn: false });
  return { channel: await socketTransport.connect({ endpoint }), name: 'socket', reasons: [] };
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
