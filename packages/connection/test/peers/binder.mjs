// @ts-check
// Binds endpoints as it is told: 'bind <path>', 'close', 'exit'. Answers 'bound', an error's code, or 'closed'.
import { Endpoint } from '@pageferry/connection';
import { loadLinuxCalls } from '@pageferry/linux-napi';

const calls = loadLinuxCalls();
/** @type {Endpoint | undefined} */
let endpoint;

process.on('message', async (/** @type {string} */ message) => {
  const [command, path = ''] = message.split(' ');
  switch (command) {
    case 'bind':
      try {
        endpoint = await Endpoint.bind(calls, path);
        process.send?.('bound');
      } catch (error) {
        process.send?.(/** @type {{ code: string }} */ (error).code);
      }
      break;
    case 'close':
      endpoint?.close();
      process.send?.('closed');
      break;
    case 'exit':
      process.exit(0);
  }
});
process.send?.('ready');
