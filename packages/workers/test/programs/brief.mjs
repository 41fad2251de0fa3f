// Connects, sends all that it has to say, and ends in order.
import { parentPort } from '@pageferry/workers';

const port = await parentPort();
await port.send({ words: process.argv.slice(2), flags: process.execArgv });
await port.close();
process.disconnect?.();
