import {
  EAGAIN,
  EBADF,
  EFAULT,
  EINVAL,
  EPIPE,
  MAX_DESCRIPTORS_PER_MESSAGE,
  MESSAGE_FIELD,
  MSG_CTRUNC,
  MSG_DONTWAIT,
  MSG_PEEK,
  MSG_TRUNC,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';
import { OUT_OF_BOUNDS_OF_16, readBytes, writeText } from './support/bytes.js';
import { Peer } from './support/peer.js';
import { isCloseOnExec, openDescriptors } from './support/process-state.js';
import { useResources } from './support/resources.js';

const NONE = new Int32Array(0);

/** sendmsg and recvmsg, with descriptors and credentials. */
export function describeMessages({ calls, moduleUrl }: SuiteContext): void {
  const page = calls.pageSize();

  describe('messages with descriptors', () => {
    const resources = useResources(calls);

    const send = (fd: number, text: string, descriptors: readonly number[] = []): number => {
      const bytes = Buffer.from(text);
      const numbers = Int32Array.from(descriptors);
      return calls.sendmsg(fd, bytes, 0, bytes.length, numbers, numbers.length, 0);
    };

    /** Receives with room for `room` descriptors, and owns those that came. */
    function receive(fd: number, room = MAX_DESCRIPTORS_PER_MESSAGE, maxBytes = 64, flags = 0) {
      const bytes = new Uint8Array(maxBytes);
      const descriptors = new Int32Array(room).fill(-1);
      const info = new Int32Array(5);
      const result = calls.recvmsg(fd, bytes, 0, maxBytes, descriptors, info, flags);
      const count = info[MESSAGE_FIELD.descriptorCount] ?? 0;
      const received = [...descriptors.subarray(0, count)];
      for (const received_ of received) resources.own(received_);
      return {
        result,
        text: Buffer.from(bytes.subarray(0, Math.max(0, result))).toString(),
        received,
        unused: [...descriptors.subarray(count)],
        flags: info[MESSAGE_FIELD.flags] ?? 0,
        credentials: [...info.subarray(MESSAGE_FIELD.pid)],
      };
    }

    test('a message without descriptors is a message', () => {
      const [first, second] = resources.socketPair(SOCK_SEQPACKET);
      expect(send(first, 'plain')).toBe(5);
      expect(receive(second)).toMatchObject({ result: 5, text: 'plain', received: [] });
    });

    test('a descriptor that arrives refers to what was sent, and is close-on-exec', () => {
      const [first, second] = resources.socketPair(SOCK_SEQPACKET);
      const [readEnd, writeEnd] = resources.pipe();
      expect(send(first, 'd', [writeEnd])).toBe(1);
      resources.close(writeEnd);
      const { received, flags } = receive(second);
      expect(received).toHaveLength(1);
      expect(flags & MSG_CTRUNC).toBe(0);
      expect(isCloseOnExec(received[0] ?? -1)).toBe(true);
      expect(writeText(calls, received[0] ?? -1, 'through')).toBe(7);
      expect(readBytes(calls, readEnd, 16)).toHaveLength(7);
    });

    test('descriptors arrive in the order in which they were sent', () => {
      const [first, second] = resources.socketPair(SOCK_STREAM);
      const sent = Array.from({ length: 5 }, () => resources.pipe()[0]);
      send(first, 'ordered', sent);
      const open = openDescriptors();
      const { received } = receive(second);
      const after = openDescriptors();
      expect(received.map((fd) => after.get(fd))).toEqual(sent.map((fd) => open.get(fd)));
    });

    test('as many as the limit go with one message, and one more answers EINVAL', () => {
      const [first, second] = resources.socketPair(SOCK_SEQPACKET);
      const [readEnd] = resources.pipe();
      const most = new Array<number>(MAX_DESCRIPTORS_PER_MESSAGE).fill(readEnd);
      expect(send(first, 'x', [...most, readEnd])).toBe(-EINVAL);
      expect(send(first, 'x', most)).toBe(1);
      expect(receive(second).received).toHaveLength(MAX_DESCRIPTORS_PER_MESSAGE);
    });

    test('only as many as are counted go along', () => {
      const [first, second] = resources.socketPair(SOCK_SEQPACKET);
      const [readEnd] = resources.pipe();
      const numbers = Int32Array.of(readEnd, 99_999, 99_999);
      expect(calls.sendmsg(first, Uint8Array.of(1), 0, 1, numbers, 1, 0)).toBe(1);
      expect(receive(second).received).toHaveLength(1);
    });

    test('counts outside of the array, no byte, and closed descriptors are refused', () => {
      const [first] = resources.socketPair(SOCK_SEQPACKET);
      const [readEnd] = resources.pipe();
      const one = Int32Array.of(readEnd);
      const byte = Uint8Array.of(1);
      expect(calls.sendmsg(first, byte, 0, 1, one, 2, 0)).toBe(-EFAULT);
      expect(calls.sendmsg(first, byte, 0, 1, one, -1, 0)).toBe(-EINVAL);
      expect(calls.sendmsg(first, byte, 0, 0, one, 1, 0)).toBe(-EINVAL);
      expect(send(first, 'x', [99_999])).toBe(-EBADF);
    });

    test('descriptors for which there is no room are closed, and MSG_CTRUNC tells', () => {
      const [first, second] = resources.socketPair(SOCK_SEQPACKET);
      const [readEnd] = resources.pipe();
      send(first, 'too many', [readEnd, readEnd, readEnd, readEnd, readEnd]);
      const before = openDescriptors().size;
      const { received, text, flags } = receive(second, 2);
      expect(received).toHaveLength(2);
      expect(text).toBe('too many');
      expect(flags & MSG_CTRUNC).toBe(MSG_CTRUNC);
      expect(openDescriptors().size).toBe(before + 2);
    });

    test.each([0, 1])('with room for %d of 2 none stays open unseen', (room) => {
      const [first, second] = resources.socketPair(SOCK_SEQPACKET);
      const [readEnd] = resources.pipe();
      send(first, 'x', [readEnd, readEnd]);
      const before = openDescriptors().size;
      expect(receive(second, room).flags & MSG_CTRUNC).toBe(MSG_CTRUNC);
      expect(openDescriptors().size).toBe(before + room);
    });

    test('room that is not needed is not touched', () => {
      const [first, second] = resources.socketPair(SOCK_SEQPACKET);
      send(first, 'x', [resources.pipe()[0]]);
      expect(receive(second, 3).unused).toEqual([-1, -1]);
    });

    test('descriptors that were never received are closed with the socket', () => {
      const [first, second] = resources.socketPair(SOCK_SEQPACKET);
      const [readEnd, writeEnd] = resources.pipe();
      send(first, 'x', [writeEnd]);
      resources.close(writeEnd);
      resources.close(first);
      resources.close(second);
      expect(readBytes(calls, readEnd, 1)).toEqual(new Uint8Array(0));
    });

    test('a message that is too long is cut off, and MSG_TRUNC tells', () => {
      const [first, second] = resources.socketPair(SOCK_SEQPACKET);
      send(first, 'longer than that');
      const { text, flags } = receive(second, 0, 6);
      expect(text).toBe('longer');
      expect(flags & MSG_TRUNC).toBe(MSG_TRUNC);
    });

    test('MSG_DONTWAIT answers EAGAIN, MSG_PEEK leaves the message', () => {
      const [first, second] = resources.socketPair(SOCK_SEQPACKET);
      expect(receive(second, 0, 16, MSG_DONTWAIT).result).toBe(-EAGAIN);
      send(first, 'stay');
      expect(receive(second, 0, 16, MSG_PEEK).text).toBe('stay');
      expect(receive(second, 0, 16).text).toBe('stay');
    });

    test('a peer that hung up is EPIPE to a sender, without a signal, and 0 to a receiver', () => {
      const [first, second] = resources.socketPair(SOCK_SEQPACKET);
      resources.close(second);
      expect(send(first, 'x')).toBe(-EPIPE);
      expect(receive(first).result).toBe(0);
    });

    test('a message to nobody raises no signal, even in a process that listens for SIGPIPE', async () => {
      await using peer = Peer.start('sharing', { moduleUrl, scenario: 'send-to-nobody' });
      expect(await peer.message()).toEqual({ result: -EPIPE, signals: 0 });
      await peer.exit;
    });

    test.each(OUT_OF_BOUNDS_OF_16)(
      'memory outside of the bytes ($offset, $length) answers EFAULT, and nothing moves',
      ({ offset, length }) => {
        const [first, second] = resources.socketPair(SOCK_SEQPACKET);
        const bytes = new Uint8Array(16);
        expect(calls.sendmsg(first, bytes, offset, length, NONE, 0, 0)).toBe(-EFAULT);
        expect(receive(second, 0, 16, MSG_DONTWAIT).result).toBe(-EAGAIN);

        send(first, 'kept');
        const info = new Int32Array(5);
        expect(calls.recvmsg(second, bytes, offset, length, NONE, info, 0)).toBe(-EFAULT);
        expect(receive(second).text).toBe('kept');
      },
    );

    test('recvmsg answers EFAULT to an info that is too short, and keeps the message', () => {
      const [first, second] = resources.socketPair(SOCK_SEQPACKET);
      send(first, 'kept');
      const bytes = new Uint8Array(16);
      expect(calls.recvmsg(second, bytes, 0, 16, NONE, new Int32Array(4), 0)).toBe(-EFAULT);
      expect(receive(second).text).toBe('kept');
    });

    test('credentials come with a message if asked for, and with pid 0 if not', () => {
      const [first, second] = resources.socketPair(SOCK_SEQPACKET);
      send(first, 'anonymous');
      expect(receive(second).credentials[0]).toBe(0);

      expect(calls.setPassCredentials(second, true)).toBe(0);
      send(first, 'signed', [resources.pipe()[0]]);
      const signed = receive(second);
      expect(signed.credentials).toEqual([process.pid, process.getuid?.(), process.getgid?.()]);
      expect(signed.received).toHaveLength(1);

      expect(calls.setPassCredentials(second, false)).toBe(0);
      send(first, 'anonymous again');
      expect(receive(second).credentials[0]).toBe(0);
    });

    test('a memory file that another process receives is the same memory there', async () => {
      const [near, far] = resources.socketPair(SOCK_SEQPACKET);
      await using peer = Peer.start('sharing', { moduleUrl, scenario: 'add', descriptor: far });
      const memory = resources.memory(page);
      const words = new Int32Array(resources.map(page, memory));
      words.set([20, 22]);
      expect(send(near, 'memory', [memory])).toBe(6);
      expect(await peer.message()).toBe('added');
      expect(Atomics.load(words, 2)).toBe(42);
      expect(await peer.exit).toMatchObject({ code: 0 });
    });

    test('a pipe that another process receives carries the pages that it vmsplices', async () => {
      const [near, far] = resources.socketPair(SOCK_SEQPACKET);
      await using peer = Peer.start('sharing', { moduleUrl, scenario: 'feed', descriptor: far });
      const [readEnd, writeEnd] = resources.pipe();
      send(near, 'pipe', [writeEnd]);
      resources.close(writeEnd);
      expect(await peer.message()).toBe('fed');
      expect(readBytes(calls, readEnd, page)).toEqual(new Uint8Array(page).fill(42));
      expect(await peer.exit).toMatchObject({ code: 0 });
      expect(readBytes(calls, readEnd, page)).toEqual(new Uint8Array(0));
    });
  });
}
