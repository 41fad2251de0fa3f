import { describe, expect, test } from 'vitest';
import { startErrand as start } from '../harness/errand.js';
import { useStage } from '../harness/stage.js';
import type { Errand } from '../peers/lasting.js';
import type { Subject } from '../registration.js';

/** What keeps a process alive, and what does not. */
export function describeLasting(subject: Subject): void {
  describe.runIf(subject.processes)('what keeps a process alive', () => {
    const stage = useStage(subject);
    const receiver = (endpoint: string, ...calls: Errand['calls']): Errand => {
      return { role: 'receiver', options: { endpoint, ...subject.receiverOptions }, calls };
    };
    const sender = (endpoint: string, ...calls: Errand['calls']): Errand => {
      return { role: 'sender', options: { endpoint, ...subject.senderOptions }, calls };
    };

    test.each(['close', 'destroy'] as const)(
      'a receiver that nobody uses does not outlive its sender: %s (11.13)',
      async (how) => {
        const here = await stage.sender();
        const there = await start(stage, receiver(here.endpoint));
        await here.waitForReceivers();
        await here.send(new Uint8Array(3));
        expect(there.child.exitCode).toBeNull();
        await here[how]();
        expect(await there.code).toBe(0);
      },
    );

    test('a receiver that has seen the end keeps nothing alive (11.13)', async () => {
      const here = await stage.sender();
      const started = start(stage, receiver(here.endpoint, 'receive'));
      await here.waitForReceivers();
      await here.close();
      expect(await (await started).code).toBe(0);
    });

    test.each([
      ['an idle receiver', ['unref']],
      ['a receiver that waits', ['unref', 'receive']],
      ['a receiver that has waited before', ['tryReceive', 'receive', 'unref']],
    ] as const)('%s does not with unref (11.13)', async (_title, calls) => {
      const here = await stage.sender();
      const there = await start(stage, receiver(here.endpoint, ...calls));
      expect(await there.code).toBe(0);
    });

    test('a receiver does again with ref (11.13)', async () => {
      const here = await stage.sender();
      const there = await start(stage, receiver(here.endpoint, 'unref', 'ref'));
      await here.waitForReceivers();
      for (let sequence = 0; sequence < 100; sequence++) await here.send(new Uint8Array(3));
      expect(there.child.exitCode).toBeNull();
      await here.close();
      expect(await there.code).toBe(0);
    });

    test.each([
      ['an idle sender', ['unref']],
      ['a sender that waits for receivers', ['unref', 'waitForReceivers']],
    ] as const)('%s does not with unref (11.13)', async (_title, calls) => {
      const there = await start(stage, sender(stage.endpoint(), ...calls));
      expect(await there.code).toBe(0);
    });

    test('a sender with a receiver does not with unref, whichever came first (11.13)', async () => {
      const before = stage.endpoint();
      const starting = start(stage, sender(before, 'waitForReceivers', 'unref'));
      await stage.receiver(before);
      expect(await (await starting).code).toBe(0);
      const after = stage.endpoint();
      const there = await start(stage, { ...sender(after, 'unref'), stays: true });
      await stage.receiver(after);
      there.child.stdin.end();
      expect(await there.code).toBe(0);
    });

    test('tools see by name what keeps it alive (11.13)', async () => {
      const here = await stage.sender();
      const errands = [
        receiver(here.endpoint),
        receiver(here.endpoint, 'unref'),
        sender(stage.endpoint()),
      ];
      const started = errands.map((errand) => start(stage, { ...errand, names: true }));
      const [held, idle, sending] = (await Promise.all(started)).map(({ line }) => line.split(','));
      expect(held).toContain('pageferry:Receiver');
      expect(idle).not.toContain('pageferry:Receiver');
      expect(sending).toContain('pageferry:Sender');
    });
  });
}
