import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AF_UNIX,
  EADDRINUSE,
  EAGAIN,
  EBADF,
  ECONNREFUSED,
  ECONNRESET,
  EFAULT,
  EINVAL,
  ENAMETOOLONG,
  ENOENT,
  O_NONBLOCK,
  POLLIN,
  SHUT_RD,
  SHUT_WR,
  SOCK_NONBLOCK,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from '@pageferry/linux';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';
import { readBytes, writeText } from './support/bytes.js';
import { NAME_PREFIX } from './support/names.js';
import { PEER_DESCRIPTOR, Peer } from './support/peer.js';
import { isCloseOnExec, openDescriptors } from './support/process-state.js';
import { useResources } from './support/resources.js';

const EAFNOSUPPORT = 97;
const ENOTSOCK = 88;

/** Unix sockets: making, connecting and asking who is there. */
export function describeSockets({ calls, moduleUrl }: SuiteContext): void {
  describe('sockets', () => {
    const resources = useResources(calls);
    let folder = '';
    let made = 0;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), `${NAME_PREFIX}-`));
    });
    afterAll(() => rmSync(folder, { recursive: true }));

    const socket = (flags = 0): number =>
      resources.own(calls.socket(AF_UNIX, SOCK_SEQPACKET | flags, 0));
    const freshPath = (): string => join(folder, `socket-${made++}`);

    /** A path of exactly `byteLength` bytes in a folder that may be deeper than that allows. */
    function pathOfLength(byteLength: number, filling: string): string {
      const room = byteLength - Buffer.byteLength(folder) - 1;
      const count = Math.floor(room / Buffer.byteLength(filling));
      const path = join(folder, filling.repeat(count));
      return path + 'x'.repeat(byteLength - Buffer.byteLength(path));
    }

    test('a socket is close-on-exec, and non-blocking if asked for', () => {
      const blocking = socket();
      expect(isCloseOnExec(blocking)).toBe(true);
      expect(calls.getStatusFlags(blocking) & O_NONBLOCK).toBe(0);
      expect(calls.getStatusFlags(socket(SOCK_NONBLOCK)) & O_NONBLOCK).toBe(O_NONBLOCK);
    });

    test('a domain and a type that do not exist are refused', () => {
      expect(calls.socket(999, SOCK_STREAM, 0)).toBe(-EAFNOSUPPORT);
      expect(calls.socket(AF_UNIX, 15, 0)).toBe(-EINVAL);
    });

    test('a pair of sockets keeps the boundaries of messages, both ways', () => {
      const [first, second] = resources.socketPair(SOCK_SEQPACKET);
      writeText(calls, first, 'one');
      writeText(calls, first, 'three');
      expect(readBytes(calls, second, 64)).toHaveLength(3);
      expect(readBytes(calls, second, 64)).toHaveLength(5);
      expect(writeText(calls, second, 'back')).toBe(4);
      expect(readBytes(calls, first, 64)).toHaveLength(4);
      expect(isCloseOnExec(first) && isCloseOnExec(second)).toBe(true);
    });

    test('socketpair answers EFAULT to an array without room, and opens nothing', () => {
      const before = openDescriptors();
      expect(calls.socketpair(AF_UNIX, SOCK_STREAM, 0, new Int32Array(1))).toBe(-EFAULT);
      expect(openDescriptors()).toEqual(before);
    });

    test('a client connects to a server by path, and they talk', () => {
      const path = freshPath();
      const server = socket(SOCK_NONBLOCK);
      const client = socket();
      expect(calls.bindUnix(server, path)).toBe(0);
      expect(calls.listen(server, 4)).toBe(0);
      expect(calls.connectUnix(client, path)).toBe(0);
      const accepted = resources.own(calls.accept4(server, SOCK_NONBLOCK));
      expect(isCloseOnExec(accepted)).toBe(true);
      expect(calls.getStatusFlags(accepted) & O_NONBLOCK).toBe(O_NONBLOCK);
      writeText(calls, client, 'hello');
      expect(readBytes(calls, accepted, 64)).toEqual(new Uint8Array(Buffer.from('hello')));
    });

    test('accept4 answers EAGAIN while nobody is waiting, EINVAL if the socket does not listen', () => {
      const server = socket(SOCK_NONBLOCK);
      expect(calls.accept4(server, 0)).toBe(-EINVAL);
      calls.bindUnix(server, freshPath());
      calls.listen(server, 1);
      expect(calls.accept4(server, 0)).toBe(-EAGAIN);
    });

    test('a path that is taken, missing or dead is told apart', () => {
      const path = freshPath();
      const first = socket();
      expect(calls.bindUnix(first, path)).toBe(0);
      expect(calls.bindUnix(socket(), path)).toBe(-EADDRINUSE);
      expect(calls.connectUnix(socket(), path)).toBe(-ECONNREFUSED);
      expect(calls.connectUnix(socket(), freshPath())).toBe(-ENOENT);
    });

    test.each(['a', 'é'])(
      'a path of 107 bytes of %j is taken, one of 108 is too long',
      (filling) => {
        const longest = pathOfLength(107, filling);
        const server = socket();
        expect(calls.bindUnix(server, longest)).toBe(0);
        expect(calls.listen(server, 1)).toBe(0);
        expect(calls.connectUnix(socket(), longest)).toBe(0);

        const tooLong = pathOfLength(108, filling);
        expect(calls.bindUnix(socket(), tooLong)).toBe(-ENAMETOOLONG);
        expect(calls.connectUnix(socket(), tooLong)).toBe(-ENAMETOOLONG);
      },
    );

    test('an empty path and a NUL inside do not become abstract sockets', () => {
      for (const path of ['', '\0abstract', `${folder}/cut\0off`]) {
        expect(calls.bindUnix(socket(), path)).toBe(-EINVAL);
        expect(calls.connectUnix(socket(), path)).toBe(-EINVAL);
      }
    });

    test('an abstract name is no file, has one owner, and is gone with its descriptor', () => {
      // Any byte may be in it, a NUL too.
      const name = `${NAME_PREFIX}-${process.pid}-\0-é`;
      const server = calls.socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
      expect(calls.connectAbstract(socket(), name)).toBe(-ECONNREFUSED);
      expect(calls.bindAbstract(server, name)).toBe(0);
      expect(calls.bindAbstract(socket(), name)).toBe(-EADDRINUSE);
      expect(calls.listen(server, 4)).toBe(0);
      expect(readFileSync('/proc/net/unix').includes(`@${name.replaceAll('\0', '@')}\n`)).toBe(
        true,
      );
      const client = socket();
      expect(calls.connectAbstract(socket(), `${name}x`)).toBe(-ECONNREFUSED);
      expect(calls.connectAbstract(client, name)).toBe(0);
      const accepted = resources.own(calls.accept4(server, 0));
      writeText(calls, client, 'hello');
      expect(readBytes(calls, accepted, 64)).toEqual(new Uint8Array(Buffer.from('hello')));
      calls.close(server);
      expect(calls.connectAbstract(socket(), name)).toBe(-ECONNREFUSED);
    });

    test('an abstract name has 1 to 107 bytes', () => {
      const longest = `${NAME_PREFIX}-${process.pid}`.padEnd(107, 'x');
      const server = socket();
      expect(calls.bindAbstract(server, longest)).toBe(0);
      expect(calls.listen(server, 1)).toBe(0);
      expect(calls.connectAbstract(socket(), longest)).toBe(0);
      for (const [name, answer] of [
        ['', -EINVAL],
        [`${longest}x`, -ENAMETOOLONG],
      ] as const) {
        expect(calls.bindAbstract(socket(), name)).toBe(answer);
        expect(calls.connectAbstract(socket(), name)).toBe(answer);
      }
    });

    test('shutdown of one direction is the end of input at the other side', () => {
      const [first, second] = resources.socketPair(SOCK_STREAM);
      expect(calls.shutdown(first, SHUT_WR)).toBe(0);
      expect(readBytes(calls, second, 16)).toEqual(new Uint8Array(0));
      expect(writeText(calls, second, 'x')).toBe(1);
      expect(readBytes(calls, first, 16)).toHaveLength(1);
      expect(calls.shutdown(first, SHUT_RD)).toBe(0);
      expect(calls.shutdown(first, 99)).toBe(-EINVAL);
    });

    test('the pending error of a socket is told once', () => {
      const [first, second] = resources.socketPair(SOCK_STREAM);
      expect(calls.getSocketError(first)).toBe(0);
      writeText(calls, first, 'never read');
      resources.close(second);
      expect(calls.getSocketError(first)).toBe(ECONNRESET);
      expect(calls.getSocketError(first)).toBe(0);
    });

    test('a socket tells of which type it is', () => {
      expect(calls.getSocketType(resources.socketPair(SOCK_STREAM)[0])).toBe(SOCK_STREAM);
      expect(calls.getSocketType(resources.socketPair(SOCK_SEQPACKET)[0])).toBe(SOCK_SEQPACKET);
    });

    test('a peer in this process has the credentials of this process', () => {
      const [first] = resources.socketPair(SOCK_STREAM);
      const credentials = new Int32Array(3);
      expect(calls.getPeerCredentials(first, credentials)).toBe(0);
      expect([...credentials]).toEqual([process.pid, process.getuid?.(), process.getgid?.()]);
      expect(calls.getPeerCredentials(first, new Int32Array(2))).toBe(-EFAULT);
    });

    test('a peer in another process has the credentials of that process', async () => {
      const path = freshPath();
      const server = socket(SOCK_NONBLOCK);
      calls.bindUnix(server, path);
      calls.listen(server, 1);
      await using peer = Peer.start('connecting', { moduleUrl, scenario: 'connect' });
      peer.send(path);
      expect(await peer.message()).toBe('connected');
      expect(calls.poll(server, POLLIN, 0)).toBe(POLLIN);
      const accepted = resources.own(calls.accept4(server, 0));
      const credentials = new Int32Array(3);
      expect(calls.getPeerCredentials(accepted, credentials)).toBe(0);
      expect(credentials[0]).toBe(peer.pid);
      peer.send('leave');
      expect(await peer.exit).toMatchObject({ code: 0 });
      expect(readBytes(calls, accepted, 1)).toEqual(new Uint8Array(0));
    });

    test('what is not a socket answers ENOTSOCK, what is not open EBADF', () => {
      const [readEnd] = resources.pipe();
      expect(calls.listen(readEnd, 1)).toBe(-ENOTSOCK);
      expect(calls.shutdown(readEnd, SHUT_WR)).toBe(-ENOTSOCK);
      expect(calls.getSocketError(readEnd)).toBe(-ENOTSOCK);
      expect(calls.getSocketType(readEnd)).toBe(-ENOTSOCK);
      expect(calls.getPeerCredentials(readEnd, new Int32Array(3))).toBe(-ENOTSOCK);
      expect(calls.setPassCredentials(readEnd, true)).toBe(-ENOTSOCK);
      expect(calls.accept4(readEnd, 0)).toBe(-ENOTSOCK);
      expect(calls.bindUnix(-1, freshPath())).toBe(-EBADF);
      expect(calls.connectUnix(-1, freshPath())).toBe(-EBADF);
    });

    test('a child process has no descriptor that it was not given', async () => {
      const [first] = resources.pipe();
      const [inherited] = resources.pipe();
      const peers = { moduleUrl, scenario: 'list-descriptors', descriptor: inherited };
      await using peer = Peer.start('connecting', peers);
      const seen = (await peer.message()) as Record<string, string>;
      const open = openDescriptors();
      expect(seen[PEER_DESCRIPTOR]).toBe(open.get(inherited));
      expect(Object.values(seen)).not.toContain(open.get(first));
      await peer.exit;
    });
  });
}
