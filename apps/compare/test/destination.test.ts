import type { SpliceDestination } from '@pageferry/core';
import { expect, it, vi } from 'vitest';
import { connect } from '../dist/channels/pageferry.js';

const destinations: SpliceDestination[] = [];

vi.mock('@pageferry/vmsplice-napi', () => ({
  vmspliceNapi: {
    createReceiver: async () => ({
      async spliceTo(destination: SpliceDestination) {
        destinations.push(destination);
        return { byteLength: 16 };
      },
    }),
  },
}));

it('a destination is named by its object, whose kind a backend remembers', async () => {
  const side = await connect({
    scenario: 'discard',
    payloadBytes: 16,
    receivers: 1,
    channel: { module: '', settings: { backend: 'vmsplice-napi' } },
    folder: '',
    verify: false,
    warmUpMilliseconds: 0,
    measureMilliseconds: 0,
  });
  const destination = {
    fd: 7,
    moved: vi.fn(),
    write: () => true,
    drained: async () => {},
    close: async () => undefined,
  };
  await side.moveOn(2, destination);
  expect(destinations).toEqual([destination, destination]);
  expect(destination.moved.mock.calls).toEqual([[16], [16]]);
});
