import { cpSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pauseFor } from '@pageferry/core';
import { hasNatsServer } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { Ground, message } from './support/server.js';
import { Way } from './support/way.js';

/** How long a server takes at most to write down how far a consumer is, in milliseconds. */
const WRITTEN = 1000;

describe.skipIf(!hasNatsServer)(
  'a server that has lost the end of a stream when it was killed',
  () => {
    const ground = new Ground();
    const patience = 10_000;

    /** The folder of the messages of the only stream. */
    function messages(): string {
      const streams = join(ground.server.folder, 'jetstream', '$G', 'streams');
      return join(streams, readdirSync(streams)[0] ?? '', 'msgs');
    }

    test('though it has delivered that: it is published anew, and not taken for lost', {
      timeout: 60_000,
    }, async () => {
      const endpoint = ground.endpoint();
      const { port } = ground.server;
      const [there, here] = [await Way.until(port, 'HPUB'), await Way.until(port, 'no word')];
      try {
        const sender = await ground.sender(
          endpoint,
          {},
          ground.transport({ servers: there.url, patience }),
        );
        const receiver = await ground.receiver(
          endpoint,
          {},
          ground.transport({ servers: here.url, patience }),
        );
        await sender.waitForReceivers();
        const copy = `${messages()}-copy`;
        await pauseFor(WRITTEN);
        cpSync(messages(), copy, { recursive: true });
        // The servers have it, and have delivered it; neither side has heard of that.
        here.hold();
        const sending = sender.send(message(1, 50_000));
        await there.held();
        await here.held();
        await pauseFor(WRITTEN);
        await ground.server.kill();
        const folder = messages();
        rmSync(folder, { recursive: true });
        cpSync(copy, folder, { recursive: true });
        rmSync(copy, { recursive: true });
        await ground.server.start();
        there.cut();
        here.cut();
        const delivery = await receiver.receive();
        expect(delivery?.copy().equals(message(1, 50_000))).toBe(true);
        delivery?.release();
        expect(await sending).toBe('sent');
        for (let number = 2; number < 5; number++) {
          await sender.send(message(number, 1000));
          using next = await receiver.receive();
          expect(next?.copy().equals(message(number, 1000))).toBe(true);
        }
        await sender.flush();
        await receiver.close();
        await sender.close();
      } finally {
        await there.close();
        await here.close();
      }
    });
  },
);
