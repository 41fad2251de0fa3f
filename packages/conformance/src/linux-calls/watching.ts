import {
  O_NONBLOCK,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  SHUT_WR,
  SOCK_STREAM,
} from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';
import { fill, readBytes, writeText } from './support/bytes.js';
import { turns, until } from './support/event-loop.js';
import { useResources } from './support/resources.js';
import { useWatchers } from './support/watchers.js';

/** watch: what is told of a descriptor. */
export function describeWatching({ calls }: SuiteContext): void {
  describe('watching', () => {
    const resources = useResources(calls);
    const { watch, firstEvent } = useWatchers(calls);

    test('bytes that arrive are told as POLLIN', async () => {
      const [readEnd, writeEnd] = resources.pipe();
      const event = firstEvent(readEnd, POLLIN);
      writeText(calls, writeEnd, 'x');
      expect(await event).toEqual({ error: 0, revents: POLLIN });
    });

    test('bytes that were there before are told too', async () => {
      const [readEnd, writeEnd] = resources.pipe();
      writeText(calls, writeEnd, 'x');
      expect(await firstEvent(readEnd, POLLIN)).toEqual({ error: 0, revents: POLLIN });
    });

    test('room in a pipe that was full is told as POLLOUT', async () => {
      const [readEnd, writeEnd] = resources.pipe(O_NONBLOCK);
      const size = fill(calls, writeEnd);
      let told = 0;
      watch(writeEnd, POLLOUT, (_, revents) => {
        told = revents;
      });
      await turns(3);
      expect(told).toBe(0);
      expect(readBytes(calls, readEnd, size)).toHaveLength(size);
      await until(() => told !== 0);
      expect(told).toBe(POLLOUT);
    });

    test('only the events that were asked for are told', async () => {
      const [first, second] = resources.socketPair(SOCK_STREAM);
      writeText(calls, second, 'x');
      expect(await firstEvent(first, POLLIN)).toEqual({ error: 0, revents: POLLIN });
      expect(await firstEvent(first, POLLOUT)).toEqual({ error: 0, revents: POLLOUT });
      expect(await firstEvent(first, POLLIN | POLLOUT)).toEqual({
        error: 0,
        revents: POLLIN | POLLOUT,
      });
    });

    test('a writer that hangs up is told, and reading says that it is the end', async () => {
      const [readEnd, writeEnd] = resources.pipe();
      const event = firstEvent(readEnd, POLLIN);
      resources.close(writeEnd);
      const { error, revents } = await event;
      expect(error).toBe(0);
      expect(revents & (POLLIN | POLLHUP)).not.toBe(0);
      expect(readBytes(calls, readEnd, 1)).toEqual(new Uint8Array(0));
    });

    test('a reader that hangs up is told to a writer that waits for room', async () => {
      const [readEnd, writeEnd] = resources.pipe(O_NONBLOCK);
      fill(calls, writeEnd);
      const event = firstEvent(writeEnd, POLLOUT);
      resources.close(readEnd);
      const { error, revents } = await event;
      expect(error).toBe(0);
      expect(revents & POLLERR).toBe(POLLERR);
    });

    test('a reader that is gone is told again and again until the watcher is closed', async () => {
      const [readEnd, writeEnd] = resources.pipe(O_NONBLOCK);
      resources.close(readEnd);
      const seen: number[] = [];
      const watcher = watch(writeEnd, POLLOUT, (_, revents) => {
        seen.push(revents & POLLERR);
      });
      await until(() => seen.length >= 3);
      watcher.close();
      expect(seen.every((revents) => revents === POLLERR)).toBe(true);
    });

    test('a socket whose peer writes no more is told as POLLRDHUP', async () => {
      const [first, second] = resources.socketPair(SOCK_STREAM);
      const event = firstEvent(first, POLLRDHUP);
      calls.shutdown(second, SHUT_WR);
      const { error, revents } = await event;
      expect(error).toBe(0);
      expect(revents & POLLRDHUP).toBe(POLLRDHUP);
    });

    test('a socket whose peer is gone is told even if only bytes were asked for', async () => {
      const [first, second] = resources.socketPair(SOCK_STREAM);
      const event = firstEvent(first, POLLIN);
      resources.close(second);
      expect((await event).error).toBe(0);
      expect(readBytes(calls, first, 1)).toEqual(new Uint8Array(0));
    });

    test('the callback comes again and again until the bytes are read', async () => {
      const [readEnd, writeEnd] = resources.pipe();
      let count = 0;
      watch(readEnd, POLLIN, () => {
        count++;
      });
      writeText(calls, writeEnd, 'x');
      await until(() => count >= 3);
      readBytes(calls, readEnd, 1);
      await turns(1);
      const settled = count;
      await turns(5);
      expect(count).toBe(settled);
    });
  });
}
