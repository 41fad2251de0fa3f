import { loadLinuxCalls } from '@pageferry/linux-napi';
import { runWithFailures } from '@pageferry/testkit/failing-calls';
import { channels } from '@pageferry/testkit/failing-channels';
import { createVmspliceTransport } from '@pageferry/vmsplice';

// Pipes that hold the largest of the messages no more than in part.
await runWithFailures(
  loadLinuxCalls(),
  (calls) => {
    const transport = createVmspliceTransport('test', () => calls);
    return {
      ...transport,
      listen: (options) => transport.listen({ ...options, pipeBytes: 65_536 }),
    };
  },
  { poolBytes: 4 * 1024 * 1024 },
  channels,
);
