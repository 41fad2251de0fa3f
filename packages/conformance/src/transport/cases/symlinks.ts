import { execFile } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { useStage } from '../harness/stage.js';
import type { Subject } from '../registration.js';

/** What may spoil it, in the order of a program; a package is imported after each. */
const STEPS = ['nothing', 'a stale file was replaced', 'a receiver was made', 'both were closed'];

/**
 * Node 20 and 22 resolve symbolic links of imports with a buffer that `fs.statSync` and its like write to:
 * after a look at a socket that way, they resolve none any more. Every user of pnpm has such links.
 */
export function describeSymlinks(subject: Subject): void {
  const { processes, moduleUrl, exportName, senderOptions, receiverOptions } = subject;
  describe.runIf(processes)('symbolic links', () => {
    const stage = useStage(subject);

    test('in the path of a package are resolved after each step of a program (11.23)', async () => {
      const endpoint = stage.path();
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
      const program = `
        const { ${exportName}: transport } = await import(${JSON.stringify(moduleUrl)});
        const endpoint = ${JSON.stringify(endpoint)};
        const found = [];
        const look = async (index) => found.push((await import(${folder} + index + '.mjs')).url);
        await look('warm'); // What was resolved once is looked up differently.
        await look(0);
        const sender = await transport.createSender({ ...${JSON.stringify(senderOptions)}, endpoint });
        await look(1);
        const receiver = await transport.createReceiver({ ...${JSON.stringify(receiverOptions)}, endpoint });
        await look(2);
        await receiver.close();
        await sender.close();
        await look(3);
        console.log(JSON.stringify(found.slice(1)));`;
      const { stdout } = await promisify(execFile)(process.execPath, [
        '--no-warnings',
        '--input-type=module',
        '-e',
        program,
      ]);
      const expected = STEPS.map((_, index) => pathToFileURL(join(real, `${index}.mjs`)).href);
      expect(JSON.parse(stdout)).toEqual(expected);
    });
  });
}
