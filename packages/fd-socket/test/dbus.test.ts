import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readSync, writeSync } from 'node:fs';
import { connect, type FdSocket, type SocketAddress } from '@pageferry/fd-socket';
import { temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { atEnd, expectNoDescriptorLeft } from './support/cleanup.js';
import { DbusClient } from './support/dbus-client.js';
import { FIELD, marshalNumber } from './support/dbus-message.js';
import { openPipe } from './support/pipes.js';

const DAEMON = '/usr/bin/dbus-daemon';
const folder = temporaryFolder();

expectNoDescriptorLeft();

// Debian: apt-get install dbus-daemon.
const hasDaemon = existsSync(DAEMON);
describe.skipIf(!hasDaemon)(`a real dbus-daemon${hasDaemon ? '' : ' (there is none)'}`, () => {
  describe.each(['napi', 'ffi'] as const)('%s', (binding) => {
    test.each(['path', 'abstract'] as const)(
      'passes a descriptor there and back, %s',
      async (kind) => {
        const name = folder.fresh('bus');
        const address: SocketAddress = kind === 'path' ? { path: name } : { abstract: name };
        const words = [
          '--session',
          '--nofork',
          '--nopidfile',
          '--print-address',
          `--address=unix:${kind}=${name}`,
        ];
        const daemon = spawn(DAEMON, words, { stdio: ['ignore', 'pipe', 'ignore'] });
        atEnd(() => {
          daemon.kill('SIGKILL');
        });
        await once(daemon.stdout, 'data');

        const sockets: FdSocket[] = await Promise.all([
          connect(address, { binding }),
          connect(address, { binding }),
        ]);
        expect(sockets[0]?.peer?.pid).toBe(daemon.pid);
        const [service, client] = (await Promise.all(sockets.map(DbusClient.begin))) as [
          DbusClient,
          DbusClient,
        ];
        await service.requestName('org.pageferry.Test');

        const there = openPipe();
        const back = openPipe();
        const answered = client.call(
          {
            destination: 'org.pageferry.Test',
            path: '/',
            interface: 'org.pageferry.Test',
            member: 'Swap',
            signature: 'h',
          },
          marshalNumber(0),
          [there.writeEnd],
        );
        let call = await service.receive();
        while (call.message.fields[FIELD.member] !== 'Swap') call = await service.receive();
        writeSync(call.fds[0]?.fd as number, 'through the bus');
        service.reply(call, 'h', marshalNumber(0), [back.readEnd]);
        const answer = await answered;
        writeSync(back.writeEnd.fd, 'and back');

        expect(readText(there.readEnd.fd)).toBe('through the bus');
        expect(readText(answer.fds[0]?.fd)).toBe('and back');
        for (const fd of [...call.fds, ...answer.fds]) fd.close();
        for (const socket of sockets) socket.destroy();
        daemon.kill('SIGTERM');
        await once(daemon, 'exit');
      },
    );
  });
});

function readText(fd: number | undefined): string {
  const bytes = Buffer.alloc(64);
  return bytes.subarray(0, readSync(fd as number, bytes)).toString();
}
