import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { runProgram } from '../harness/program.js';
import { useStage } from '../harness/stage.js';
import type { Subject } from '../registration.js';

/** More than the limits below leave, and less than is there. */
const POOL_BYTES = 512 * 1024 * 1024;

/** In the program: `limit(words)` sets soft limits of this process, which it can take back. */
const LIMITING = `
  const { execFileSync } = await import('node:child_process');
  const { readFileSync } = await import('node:fs');
  const limit = (words) => execFileSync('prlimit', ['--pid=' + process.pid, ...words]);
  const endpoint = (name) => folder + name;
  const attempt = async (call) => {
    try {
      const opened = await call();
      say('opened');
      return opened;
    } catch ({ code, errnoName }) {
      say({ code, errnoName });
    }
  };
  /** Everything once, with what is there by default. */
  const works = async (sender) => {
    const receiver = await transport.createReceiver({ ...receiverOptions, endpoint: sender.endpoint });
    await sender.waitForReceivers();
    await sender.send(Buffer.from('after'));
    const delivery = await receiver.receive();
    say(delivery.copy().toString());
    delivery.release();
    await receiver.close();
    await sender.close();
  };`;

/** prlimit(1) of util-linux, by which a process that runs gets other limits. */
const hasPrlimit = spawnSync('prlimit', ['--version']).status === 0;
const missing = hasPrlimit ? '' : ' (not here: there is no prlimit)';

/** What a process may have is limited: a typed error says so, and once there is more, everything works. */
export function describeTightLimits(subject: Subject): void {
  describe.runIf(subject.processes && process.platform === 'linux')(
    `under tight limits${missing}`,
    () => {
      const stage = useStage(subject);

      /** What a call may be told; one that needs nothing of what is limited succeeds. */
      const toldOf = (errnoName: string): unknown =>
        expect.toSatisfy(
          (told) =>
            told === 'opened' ||
            (told?.code === 'SYSTEM_CALL_FAILED' && told.errnoName === errnoName),
        );

      test.skipIf(!hasPrlimit).each([
        // As much more as V8 may want meanwhile, and no such pool.
        [
          'address space',
          'ENOMEM',
          "const kib = /VmSize:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]; limit(['--as=' + (kib * 1024 + 2 ** 28) + ':']);",
          '--as=unlimited:',
        ],
        ['the size of files', 'EFBIG', "limit(['--fsize=65536:']);", '--fsize=unlimited:'],
      ])(
        'of %s it is told %s, and can do everything afterwards (11.19)',
        async (_, errnoName, limiting, lifting) => {
          const said = await runProgram(
            subject,
            `const folder = ${JSON.stringify(stage.endpoint('tight'))};
        ${LIMITING}
        const large = { poolBytes: ${POOL_BYTES} };
        const openLarge = (name) => transport.createSender({ ...senderOptions, ...large, endpoint: endpoint(name) });
        ${limiting}
        const first = await attempt(() => openLarge('1'));
        const listener = await attempt(() => transport.capabilities.maxChannels === 0
          ? undefined
          : transport.listen({ ...channelOptions, ...large, endpoint: endpoint('2') }));
        limit([${JSON.stringify(lifting)}]);
        await first?.close();
        await listener?.close();
        await works(await openLarge('1'));`,
          );
          expect(said).toEqual([toldOf(errnoName), toldOf(errnoName), 'after']);
        },
      );

      test.skipIf(!hasPrlimit)(
        'a receiver has its own error, and nobody else notices (11.19)',
        async () => {
          const path = stage.endpoint();
          const sender = await stage.remoteSender(path);
          const said = await runProgram(
            subject,
            `const folder = '';
        ${LIMITING}
        const open = () => transport.createReceiver({ ...receiverOptions, endpoint: ${JSON.stringify(path)} });
        await (await open()).close(); // What is loaded late is loaded.
        const kib = /VmSize:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1];
        limit(['--as=' + (kib * 1024 + 2 ** 25) + ':']); // Less than the pool of a sender.
        const receiver = await attempt(open);
        limit(['--as=unlimited:']);
        await receiver?.close();
        await (await open()).close();
        say('works');`,
          );
          expect(said).toEqual([toldOf('ENOMEM'), 'works']);
          const receiver = await stage.receiver(path);
          await stage.until(async () => (await sender.receivers()).length === 1);
          await sender.send(100);
          expect((await receiver.receive())?.byteLength).toBe(100);
        },
      );
    },
  );
}
