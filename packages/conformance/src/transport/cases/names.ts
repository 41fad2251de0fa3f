import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { canActAsNobody, NOBODY } from '../harness/probes.js';
import { runProgram } from '../harness/program.js';
import { type Stage, useStage } from '../harness/stage.js';
import type { Subject } from '../registration.js';

/** An endpoint without a slash is a name, in a folder that only its user may enter. */
export function describeNames(subject: Subject): void {
  const { files, moduleUrl } = subject;
  describe.runIf(files)('names', () => {
    const stage = useStage(subject);

    test.each(['sender', 'receiver'])(
      'two processes meet by a name, the %s first',
      async (first) => {
        const runtime = folder(stage);
        const elsewhere = folder(stage);
        const sends = runProgram(
          subject,
          `${inside({ XDG_RUNTIME_DIR: runtime })}
        ${first === 'sender' ? '' : `await existing(${JSON.stringify(join(runtime, 'pageferry'))});`}
        const sender = await transport.createSender({ ...senderOptions, endpoint: 'frames' });
        await sender.waitForReceivers();
        say(sender.endpoint);
        say(await sender.send(Buffer.from('by name')));
        await sender.close();`,
        );
        const receives = runProgram(
          subject,
          `${inside({ XDG_RUNTIME_DIR: runtime })}
        process.chdir(${JSON.stringify(elsewhere)});
        ${first === 'sender' ? `await existing(${JSON.stringify(join(runtime, 'pageferry', 'frames'))});` : ''}
        const receiver = await transport.createReceiver({ ...receiverOptions, endpoint: 'frames' });
        say((await receiver.receive()).copy().toString());
        await receiver.close();`,
        );
        expect(await Promise.all([sends, receives])).toEqual([['frames', 'sent'], ['by name']]);
        expect(readdirSync(join(runtime, 'pageferry'))).toEqual([]);
        expect(statSync(join(runtime, 'pageferry')).mode & 0o7777).toBe(0o700);
      },
    );

    test('a name is a file of its user, and that alone', async () => {
      const runtime = folder(stage);
      const said = await runProgram(
        subject,
        `${inside({ XDG_RUNTIME_DIR: runtime })}
        const { lstatSync, readdirSync } = await import('node:fs');
        process.umask(0);
        const sender = await transport.createSender({ ...senderOptions, endpoint: 'frames' });
        const place = ${JSON.stringify(join(runtime, 'pageferry'))};
        say(readdirSync(place));
        say([place, place + '/frames'].map((path) => lstatSync(path).mode & 0o7777));
        process.env.XDG_RUNTIME_DIR = '/nowhere';
        process.chdir('/');
        await sender.close();
        say(readdirSync(place));`,
      );
      expect(said).toEqual([['frames'], [0o700, 0o600], []]);
    });

    test.each([
      ['is not set', undefined],
      ['is relative', 'run'],
      ['does not exist', '/nowhere/at/all'],
    ])('where $XDG_RUNTIME_DIR %s, a folder for temporary files has one', async (_, runtime) => {
      const temporary = folder(stage);
      const said = await runProgram(
        subject,
        `${inside({ XDG_RUNTIME_DIR: runtime, TMPDIR: temporary })}
        const sender = await transport.createSender({ ...senderOptions, endpoint: 'frames' });
        const receiver = await transport.createReceiver({ ...receiverOptions, endpoint: 'frames' });
        await sender.waitForReceivers();
        await receiver.close();
        await sender.destroy();`,
      );
      expect(said).toEqual([]);
      const name = `pageferry-${process.geteuid?.()}`;
      expect(readdirSync(temporary)).toEqual([name]);
      expect(lstatSync(join(temporary, name)).mode & 0o7777).toBe(0o700);
    });

    test('a folder of names that is removed is made anew, with the file', async () => {
      const runtime = folder(stage);
      const said = await runProgram(
        subject,
        `${inside({ XDG_RUNTIME_DIR: runtime })}
        const { rmSync, statSync } = await import('node:fs');
        const sender = await transport.createSender({ ...senderOptions, endpoint: 'frames' });
        const place = ${JSON.stringify(join(runtime, 'pageferry'))};
        const warned = new Promise((resolve) => {
          // Node has warnings of its own, such as that node:ffi is experimental.
          process.on('warning', (warning) => warning.code?.startsWith('PAGEFERRY_') && resolve(warning));
        });
        rmSync(place, { recursive: true });
        const { code, message } = await warned;
        say([code, message.includes(place + '/frames')]);
        const receiver = await transport.createReceiver({ ...receiverOptions, endpoint: 'frames' });
        await sender.waitForReceivers();
        say(statSync(place).mode & 0o7777);
        await receiver.close();
        await sender.destroy();`,
      );
      expect(said).toEqual([['PAGEFERRY_ENDPOINT_REMOVED', true], 0o700]);
    });

    test('a folder that others may enter, a link and a file in its place are refused', async () => {
      const open = folder(stage);
      mkdirSync(join(open, 'pageferry'));
      chmodSync(join(open, 'pageferry'), 0o750);
      const linked = folder(stage);
      symlinkSync(folder(stage), join(linked, 'pageferry'));
      const blocked = folder(stage);
      writeFileSync(join(blocked, 'pageferry'), 'kept');
      for (const runtime of [open, linked, blocked]) {
        const said = await refusals(subject, runtime, 'frames');
        expect(said.map(({ code }) => code)).toEqual(['ENDPOINT_FORBIDDEN', 'ENDPOINT_FORBIDDEN']);
        for (const { message } of said) expect(message).toContain(join(runtime, 'pageferry'));
      }
      expect(existsSync(join(open, 'pageferry', 'frames'))).toBe(false);
    });

    test('a name that fits into no address is ENDPOINT_TOO_LONG, with its path', async () => {
      const runtime = folder(stage);
      for (const { code, message } of await refusals(subject, runtime, 'x'.repeat(107))) {
        expect(code).toBe('ENDPOINT_TOO_LONG');
        expect(message).toContain(join(runtime, 'pageferry', 'xxx'));
      }
    });

    test.each(['.', '..'])('%s is no name', async (name) => {
      const said = await refusals(subject, folder(stage), name);
      expect(said.map(({ code }) => code)).toEqual(['ENDPOINT_INVALID', 'ENDPOINT_INVALID']);
    });

    test('a time limit says where the name was looked for', async () => {
      const runtime = folder(stage);
      const [, failed] = await refusals(subject, runtime, 'frames', 'receiver');
      expect(failed?.code).toBe('TIMEOUT');
      expect(failed?.message).toContain(`frames (${join(runtime, 'pageferry', 'frames')})`);
    });
  });

  // Beside the others, and not within them: what is skipped twice is not told as skipped.
  describe.runIf(files && canActAsNobody(moduleUrl))('names of other users (needs root)', () => {
    const stage = useStage(subject);

    test("another user's folder is refused, whoever else may enter it", async () => {
      const runtime = folder(stage);
      const theirs = join(runtime, 'pageferry');
      mkdirSync(theirs, { mode: 0o700 });
      chownSync(theirs, NOBODY, NOBODY);
      for (const { code, message } of await refusals(subject, runtime, 'frames')) {
        expect(code).toBe('ENDPOINT_FORBIDDEN');
        expect(message).toContain(`user ${NOBODY}'s, and this process runs as user 0`);
      }
    });

    test('the runtime folder that su leaves of another user is not used', async () => {
      const runtime = folder(stage);
      const temporary = folder(stage);
      chownSync(runtime, NOBODY, NOBODY);
      const said = await runProgram(
        subject,
        `${inside({ XDG_RUNTIME_DIR: runtime, TMPDIR: temporary })}
          const sender = await transport.createSender({ ...senderOptions, endpoint: 'frames' });
          const { readdirSync } = await import('node:fs');
          say([${JSON.stringify(runtime)}, ${JSON.stringify(temporary)}].map((path) => readdirSync(path)));
          await sender.close();`,
      );
      expect(said).toEqual([[[], ['pageferry-0']]]);
    });
  });
}

interface Refusal {
  readonly code: string;
  readonly message: string;
}

/** What a sender and a receiver are told that want to use a name; with `receiver`, the latter waits in vain. */
async function refusals(
  subject: Subject,
  runtime: string,
  endpoint: string,
  only?: 'receiver',
): Promise<Refusal[]> {
  const said = await runProgram(
    subject,
    `${inside({ XDG_RUNTIME_DIR: runtime })}
    const endpoint = ${JSON.stringify(endpoint)};
    const tell = ({ code, message }) => say({ code, message });
    ${only === 'receiver' ? 'say(undefined);' : 'await transport.createSender({ ...senderOptions, endpoint }).catch(tell);'}
    await transport.createReceiver({ ...receiverOptions, endpoint, timeout: 50 }).catch(tell);`,
  );
  expect(said).toHaveLength(2);
  return said as Refusal[];
}

/** A folder in the stage's own that only this user may enter. */
function folder(stage: Stage): string {
  const path = stage.path('folder');
  mkdirSync(path, { mode: 0o700 });
  return path;
}

/** Statements that set a program's environment, and `existing(path)`, which waits for a file. */
function inside(env: Readonly<Record<string, string | undefined>>): string {
  const settings = Object.entries(env).map(([name, value]) =>
    value === undefined
      ? `delete process.env.${name};`
      : `process.env.${name} = ${JSON.stringify(value)};`,
  );
  return `${settings.join('\n')}
    const { existsSync } = await import('node:fs');
    const existing = async (path) => {
      while (!existsSync(path)) await new Promise(setImmediate);
    };`;
}
