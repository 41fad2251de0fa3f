import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { runProgram } from '../harness/program.js';
import { useStage } from '../harness/stage.js';
import type { Subject } from '../registration.js';

/** What may spoil it, in the order of a program; a package is imported after each. */
const STEPS = ['nothing', 'a stale file was replaced', 'a receiver was made', 'both were closed'];

/**
 * Node 20 and 22 resolve symbolic links of imports with a buffer that `fs.statSync` and its like write to:
 * after a look at a socket that way, they resolve none any more. Every user of pnpm has such links.
 */
export function describeSymlinks(subject: Subject): void {
  describe.runIf(subject.processes)('symbolic links', () => {
    const stage = useStage(subject);

    test('in the path of a package are resolved after each step of a program (11.23)', async () => {
      const endpoint = stage.endpoint();
      const { peer } = await stage.remoteSender(endpoint);
      await peer.end(); // Leaves a stale file.
      const linked = stage.path('linked');
      const real = stage.path('real');
      mkdirSync(real);
      for (const index of [...STEPS.keys(), 'warm']) {
        writeFileSync(join(real, `${index}.mjs`), 'export const { url } = import.meta;');
      }
      symlinkSync(real, linked);
      const folder = JSON.stringify(pathToFileURL(`${linked}/`).href);
      const found = await runProgram(
        subject,
        `const endpoint = ${JSON.stringify(endpoint)};
        const look = async (index) => (await import(${folder} + index + '.mjs')).url;
        await look('warm'); // What was resolved once is looked up differently.
        say(await look(0));
        const sender = await transport.createSender({ ...senderOptions, endpoint });
        say(await look(1));
        const receiver = await transport.createReceiver({ ...receiverOptions, endpoint });
        say(await look(2));
        await receiver.close();
        await sender.close();
        say(await look(3));`,
      );
      expect(found).toEqual(
        STEPS.map((_, index) => pathToFileURL(join(real, `${index}.mjs`)).href),
      );
    });
  });
}
