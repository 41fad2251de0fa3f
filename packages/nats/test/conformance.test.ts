import { describeTransport } from '@pageferry/conformance';
import { hasNatsServer, NatsServer } from '@pageferry/testkit';
import { afterAll, describe } from 'vitest';

const server = hasNatsServer ? await NatsServer.start() : undefined;
// Also for the processes that the suite starts.
process.env['PAGEFERRY_TEST_NATS'] = server?.url;
const { nats } = await import('./support/transport.js');

describe.skipIf(!hasNatsServer)('against a nats-server', () => {
  afterAll(() => server?.remove());
  describeTransport({
    transport: nats,
    moduleUrl: new URL('support/transport.js', import.meta.url).href,
    exportName: 'nats',
    endpoints: 'nats:conformance.',
    // The client puts what it publishes into a buffer for the socket, and what arrives into one for each message.
    ownBuffers: false,
    // Each message passes through a third process, and waits for all three: among other busy programs that is half a minute at most.
    testTimeout: 120_000,
  });
});
