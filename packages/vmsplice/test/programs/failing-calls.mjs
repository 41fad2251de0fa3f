import { loadLinuxCalls } from '@pageferry/linux-napi';
import { runWithFailures } from '@pageferry/testkit/failing-calls';
import { createVmspliceTransport } from '@pageferry/vmsplice';

// A pipe that holds one of the larger messages no more than in part.
await runWithFailures(loadLinuxCalls(), (calls) => createVmspliceTransport('test', () => calls), {
  poolBytes: 4 * 1024 * 1024,
  pipeBytes: 65_536,
});
