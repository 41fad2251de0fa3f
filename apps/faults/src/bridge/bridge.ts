/** A bridge from a local sender to NATS, until it is killed: node bridge.js LOCAL SERVERS ENDPOINT PATIENCE. */
import { openBridge } from '@pageferry/bridge';
import { natsTransport } from '@pageferry/nats';
import { sharedMmap } from '@pageferry/shared-mmap';

const [local = '', servers = '', endpoint = '', patience = ''] = process.argv.slice(2);
const say = (words: object): void => void process.send?.(words);
// Whoever has started it may be gone before it was killed.
process.once('disconnect', () => process.exit());
process.on('warning', (warning) => say({ fault: String(warning) }));
const bridge = openBridge({
  from: { transport: sharedMmap, endpoint: local },
  to: { transport: natsTransport({ servers, patience: Number(patience) }), endpoint },
  takeOver: true,
  // A server that was killed, too, is away for a moment.
  longestPause: 200,
  onStateChange: ({ state }) => {
    if (state === 'bridging') say({ connected: true });
  },
});
await bridge.closed.catch((error) => say({ fault: String(error) }));
