import { describe, expect, test } from 'vitest';
import { runProgram } from '../harness/program.js';
import { useStage } from '../harness/stage.js';
import type { Subject } from '../registration.js';

/** Few enough to be used up soon, and more than Node has open itself. */
const DESCRIPTORS = 256;

/** How many descriptors are left, from none to more than both sides need. */
const LEFT = 48;

/** In the program: `take(left)` takes all descriptors but that many, `free()` gives them back. */
const TAKING = `
  const { closeSync, openSync } = await import('node:fs');
  const taken = [];
  const take = (left) => {
    try { for (;;) taken.push(openSync('/dev/null')); } catch {}
    for (let index = 0; index < left; index++) closeSync(taken.pop());
  };
  const free = () => { for (const fd of taken.splice(0)) closeSync(fd); };
  const attempt = async (call) => {
    try {
      return await call();
    } catch (error) {
      const { code, errnoName, message } = error;
      say({ code, errnoName, message });
    }
  };`;

/** Out of descriptors is a state of one process, which passes; nobody else is to blame for it. */
export function describeShortages(subject: Subject): void {
  describe.runIf(subject.processes)('a process without descriptors', () => {
    const stage = useStage(subject);
    const emfile = expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', errnoName: 'EMFILE' });

    test('is told EMFILE, and can do everything once it has some (11.15)', async () => {
      const said = await runProgram(
        subject,
        `${TAKING}
        const endpoint = ${JSON.stringify(stage.endpoint())};
        take(0);
        await attempt(() => transport.createSender({ ...senderOptions, endpoint }));
        await attempt(() => transport.createReceiver({ ...receiverOptions, endpoint, timeout: 100 }));
        free();
        const sender = await transport.createSender({ ...senderOptions, endpoint });
        const receiver = await transport.createReceiver({ ...receiverOptions, endpoint });
        await sender.waitForReceivers();
        await sender.send(Buffer.from('after'));
        say((await receiver.receive()).copy().toString());
        await receiver.close();
        await sender.close();`,
        { descriptors: DESCRIPTORS },
      );
      // Without a sender a receiver needs no descriptor yet, and waits.
      const timeout = expect.objectContaining({ code: 'TIMEOUT' });
      expect([
        [emfile, emfile, 'after'],
        [emfile, timeout, 'after'],
      ]).toContainEqual(said);
    });

    test('has its own error however few are left, and never blames the sender (11.15)', async () => {
      const endpoint = stage.endpoint();
      const sender = await stage.remoteSender(endpoint);
      const said = await runProgram(
        subject,
        `${TAKING}
        const endpoint = ${JSON.stringify(endpoint)};
        const open = () => transport.createReceiver({ ...receiverOptions, endpoint });
        await (await open()).close(); // What stays open for good is open.
        for (let left = 0; left < ${LEFT}; left++) {
          take(left);
          const receiver = await attempt(open);
          free();
          await receiver?.close();
        }
        const receiver = await open();
        await receiver.close();
        say('works');`,
        { descriptors: DESCRIPTORS },
      );
      expect(said.length).toBeGreaterThan(1);
      expect(said.at(-1)).toBe('works');
      for (const error of said.slice(0, -1)) expect(error).toEqual(emfile);
      // The sender is as it was.
      const receiver = await stage.receiver(endpoint);
      await stage.until(async () => (await sender.receivers()).length === 1);
      await sender.send(100);
      expect((await receiver.receive())?.byteLength).toBe(100);
    });

    test('has its own error as a sender however few are left (11.15)', async () => {
      const said = await runProgram(
        subject,
        `${TAKING}
        const endpoint = ${JSON.stringify(stage.endpoint())};
        const open = () => transport.createSender({ ...senderOptions, endpoint });
        await (await open()).close();
        for (let left = 0; left < ${LEFT}; left++) {
          take(left);
          const sender = await attempt(open);
          free();
          await sender?.close();
        }
        await (await open()).close();
        say('works');`,
        { descriptors: DESCRIPTORS },
      );
      expect(said.length).toBeGreaterThan(1);
      expect(said.at(-1)).toBe('works');
      for (const error of said.slice(0, -1)) expect(error).toEqual(emfile);
    });

    test('lets receivers in again once it has some (11.15)', async () => {
      const said = await runProgram(
        subject,
        `${TAKING}
        const endpoint = ${JSON.stringify(stage.endpoint())};
        const sender = await transport.createSender({ ...senderOptions, endpoint });
        const program = \`
          const { ${subject.exportName}: transport } = await import(${JSON.stringify(subject.moduleUrl)});
          const receiverOptions = ${JSON.stringify(subject.receiverOptions)};
          process.on('message', async (options) => {
            try {
              const receiver = await transport.createReceiver({ ...receiverOptions, ...options });
              process.send('in');
              if (options.timeout === undefined) {
                process.send((await receiver.receive()).copy().toString());
              } else {
                await receiver.close();
              }
            } catch ({ code, errnoName, message }) {
              process.send({ code, errnoName, message });
            }
          });
          process.send('ready');\`;
        const { spawn } = await import('node:child_process');
        const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', program], {
          stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        });
        const answer = () => new Promise((resolve) => child.once('message', resolve));
        await answer();
        for (let left = 0; left < ${LEFT}; left += 3) {
          take(left);
          child.send({ endpoint, timeout: 200 });
          const outcome = await answer();
          free();
          if (outcome !== 'in') say(outcome);
        }
        child.send({ endpoint });
        say(await answer());
        const received = answer();
        await sender.send(Buffer.from('after'));
        say(await received);
        child.kill('SIGKILL');
        await sender.destroy();`,
        { descriptors: DESCRIPTORS },
      );
      expect(said.slice(-2)).toEqual(['in', 'after']);
      const told = [
        // What the sender said: it could not set up the connection.
        expect.objectContaining({ code: 'PEER_REJECTED', errnoName: 'EMFILE' }),
        // It could not even accept, or had to hang up: the receiver has waited.
        expect.objectContaining({
          code: 'TIMEOUT',
          message: expect.stringMatching(/somebody listens there/),
        }),
      ];
      const isTold = (error: unknown) => told.some((each) => each.asymmetricMatch(error));
      expect(said.slice(0, -2).filter((error) => !isTold(error))).toEqual([]);
    });
  });
}
