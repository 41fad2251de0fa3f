import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { type ByteSink, ReceiverSocket } from '../dist/receiving/receiver-socket.js';

test.each(['target', 'arrived'] as const)(
  'what %s throws ends the connection, and is nothing uncaught (11.3)',
  async (name) => {
    const server = createServer((socket) => socket.on('error', () => {}).end('hello')).listen(0);
    await once(server, 'listening');
    const failure = new Error('no memory');
    const gone = new Promise<void>((resolve) => {
      const buffer = Buffer.alloc(10);
      let asked = 0;
      const sink: ByteSink = {
        target: () => {
          // Node asks once before it connects.
          if (name === 'target' && ++asked > 1) throw failure;
          return buffer;
        },
        arrived: () => {
          if (name === 'arrived') throw failure;
          return true;
        },
        gone: () => resolve(),
      };
      const socket = new ReceiverSocket(sink);
      socket.connect((server.address() as AddressInfo).port);
      socket.once('close', () => expect(socket.cause ?? failure).toBe(failure));
    });
    await gone;
    server.close();
    await once(server, 'close');
  },
);
