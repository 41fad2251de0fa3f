import { beforeAll, describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';
import { turns } from './support/event-loop.js';
import { collectUntil } from './support/garbage.js';
import { NAME_PREFIX } from './support/names.js';
import { Peer } from './support/peer.js';
import { mappedRanges, openDescriptors } from './support/process-state.js';

/** Has the suite start what Node opens once and keeps, then remembers what is open. */
export function useBaseline({ moduleUrl }: SuiteContext): () => ReadonlyMap<number, string> {
  let baseline: ReadonlyMap<number, string> = new Map();
  beforeAll(async () => {
    const peer = Peer.start('connecting', { moduleUrl, scenario: 'list-descriptors' });
    await peer.exit;
    baseline = openDescriptors();
  });
  return () => baseline;
}

/** What is left when everything else has run. */
export function describeLeftovers(
  { collectsMappings }: SuiteContext,
  baseline: () => ReadonlyMap<number, string>,
): void {
  describe('afterwards', () => {
    /** Descriptors that were not open at the start and carry data: Node opens others as it likes. */
    const leftDescriptors = (): string[] =>
      [...openDescriptors()]
        .filter(([fd, target]) => baseline().get(fd) !== target)
        .map(([, target]) => target)
        .filter((target) => /^(pipe|socket):|eventfd|memfd/.test(target));

    test('no descriptor is left open', async () => {
      // Handles that were closed last are let go of by the next turns of the event loop.
      await turns(3);
      expect(leftDescriptors()).toEqual([]);
    });

    test('no shared mapping is left', async () => {
      const ofEndedThreads = collectsMappings ? [] : mappedRanges(`${NAME_PREFIX}-in-worker`);
      // What `munmapLater` was told to unmap goes with the last buffer over it.
      await collectUntil(() => mappedRanges(NAME_PREFIX).length === ofEndedThreads.length);
      expect(mappedRanges(NAME_PREFIX)).toEqual(ofEndedThreads);
    });

    test('no process is left', () => {
      expect(Peer.running()).toBe(0);
    });
  });
}
