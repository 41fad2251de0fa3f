import { getEventListeners, once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { openNullDevice } from '../harness/destinations.js';
import { expectFailure } from '../harness/expectations.js';
import { turns } from '../harness/settling.js';
import { useStage } from '../harness/stage.js';
import type { Subject } from '../registration.js';

/** More than Node thinks right: it warns of a leak above ten. */
const MANY = 20;

/** Enough for a leak of a few bytes a call to stand out from what else happens to a heap. */
const CALLS = 20_000;
const MARGIN_BYTES = 768 * 1024;

/** Bytes of the heap that are in use, after a collection. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

function listenersOf(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length;
}

/** Programs pass one signal to everything they do, for as long as they run. */
export function describeLongLivedSignals(subject: Subject): void {
  describe('one signal for everything', () => {
    const stage = useStage(subject);
    const receivers = Math.min(MANY, subject.transport.capabilities.maxReceivers);

    test('has one listener, however many calls wait, and none when they are done (11.12)', async () => {
      const warnings: string[] = [];
      const onWarning = (warning: Error): void => {
        warnings.push(warning.name);
      };
      process.on('warning', onWarning);
      stage.defer(() => process.removeListener('warning', onWarning));
      const controller = new AbortController();
      const { signal } = controller;
      // Without a sender they wait for one.
      const endpoint = stage.endpoint();
      const joining = Array.from({ length: receivers }, () => stage.receiver(endpoint, { signal }));
      await turns();
      expect(listenersOf(signal)).toBe(1);
      const sender = await stage.sender({}, endpoint);
      const joined = await Promise.all(joining);
      await sender.waitForReceivers(receivers, { signal });
      expect(listenersOf(signal)).toBe(0);

      const fd = openNullDevice(stage);
      const take = () => joined.map((receiver) => receiver.receive({ signal }));
      const move = () => joined.map((receiver) => receiver.spliceTo(fd, { signal }));
      let waiting: readonly Promise<unknown>[] = [...take(), ...take(), ...move()];
      await turns();
      expect(listenersOf(signal)).toBe(1);
      for (let count = 0; count < 3; count++) await sender.send(Buffer.alloc(100), { signal });
      await Promise.all(waiting);
      expect(listenersOf(signal)).toBe(0);

      waiting = [...move(), ...take()].map((call) => expectFailure(() => call, 'ABORTED'));
      await turns();
      expect(listenersOf(signal)).toBe(1);
      const fired = once(signal, 'abort');
      controller.abort();
      await fired;
      await Promise.all(waiting);
      expect(listenersOf(signal)).toBe(0);
      await turns();
      expect(warnings).not.toContain('MaxListenersExceededWarning');
    });

    test('keeps nothing of the calls that it outlives (11.12)', { timeout: 120_000 }, async () => {
      const sender = await stage.sender();
      const receiver = await stage.receiver(sender.endpoint);
      await sender.waitForReceivers();
      const fd = openNullDevice(stage);
      const { signal } = new AbortController();
      const bytes = Buffer.alloc(64, 1);
      const call = async (count: number): Promise<void> => {
        for (let made = 0; made < count; made++) {
          const limits = made % 2 === 0 ? { signal } : { timeout: 60_000, signal };
          // The call is there first: it has to wait.
          const moving = receiver.spliceTo(fd, limits);
          await sender.send(bytes);
          await moving;
        }
        await turns(5);
      };
      await call(CALLS / 10);
      const before = heapInUse();
      await call(CALLS);
      expect(heapInUse() - before).toBeLessThan(MARGIN_BYTES);
      expect(listenersOf(signal)).toBe(0);
    });
  });
}
