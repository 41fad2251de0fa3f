// A bridge from shared memory to NATS: node bridge.mjs LOCAL URL SUBJECT. Says what it does, and stays until it is killed.
import { natsTransport } from '@pageferry/nats';
import { sharedMmap } from '@pageferry/shared-mmap';
import { openBridge } from '../../dist/index.js';

const [local = '', servers = '', endpoint = ''] = process.argv.slice(2);
const bridge = openBridge({
  from: { transport: sharedMmap, endpoint: local },
  to: { transport: natsTransport({ servers, patience: 20_000 }), endpoint },
  takeOver: true,
  onStateChange: ({ state }) => process.send?.({ state }),
});
process.on('message', () => process.send?.({ stats: bridge.stats() }));
await bridge.closed;
