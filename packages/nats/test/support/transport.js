// What the tests' second processes import: a transport over the server that the tests have started.
import { natsTransport } from '@pageferry/nats';

export const nats = natsTransport({
  servers: process.env['PAGEFERRY_TEST_NATS'] ?? '127.0.0.1:4222',
  // Long enough for a busy machine, and short enough to wait for in every test of a death.
  patience: 500,
});
