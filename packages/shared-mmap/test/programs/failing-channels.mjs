import { loadLinuxCalls } from '@pageferry/linux-napi';
import { sharedMmap } from '@pageferry/shared-mmap';
import { runWithFailures } from '@pageferry/testkit/failing-calls';
import { channels } from '@pageferry/testkit/failing-channels';

// A pool in which the largest of the messages has no room: it gets memory of its own.
await runWithFailures(
  loadLinuxCalls(),
  (binding) => ({
    ...sharedMmap,
    listen: (options) => sharedMmap.listen({ ...options, binding }),
    connect: (options) => sharedMmap.connect({ ...options, binding }),
  }),
  { poolBytes: 512 * 1024, preallocateBytes: 0 },
  channels,
);
