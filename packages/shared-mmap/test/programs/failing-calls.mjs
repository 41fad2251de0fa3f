import { loadLinuxCalls } from '@pageferry/linux-napi';
import { sharedMmap } from '@pageferry/shared-mmap';
import { runWithFailures } from '@pageferry/testkit/failing-calls';

// A pool in which the largest of the messages has no room: it gets memory of its own.
await runWithFailures(
  loadLinuxCalls(),
  (binding) => ({
    ...sharedMmap,
    createSender: (options) => sharedMmap.createSender({ ...options, binding }),
    createReceiver: (options) => sharedMmap.createReceiver({ ...options, binding }),
  }),
  { poolBytes: 512 * 1024, preallocateBytes: 0 },
);
