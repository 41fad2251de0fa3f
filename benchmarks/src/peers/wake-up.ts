/** Measures a wake-up on the event loop. */
import { type DescriptorWatcher, type LinuxCalls, O_NONBLOCK, POLLIN } from '@pageferry/linux';
import { loadLinuxCalls as loadFfi } from '@pageferry/linux-ffi';
import { loadLinuxCalls as loadNapi } from '@pageferry/linux-napi';
import koffi from 'koffi';
import { peerWorkload } from './workload-peer.js';

/** Calls `woken` whenever the eventfd is readable; returns what ends that. */
type Way = (fd: number, woken: () => void) => () => void;

const calls = loadNapi();

const watchWith =
  (binding: LinuxCalls): Way =>
  (fd, woken) => {
    const watcher = binding.watch(fd, POLLIN, woken) as DescriptorWatcher;
    return () => watcher.close();
  };

const WAYS: Readonly<Record<string, Way>> = {
  'uv_poll in the addon': watchWith(calls),
  'stream handle of Node': (fd, woken) => watchWith(loadFfi())(fd, woken),
  'koffi.node.poll': (fd, woken) => {
    const handle = koffi.node.poll(fd, { readable: true }, woken);
    return () => handle.close();
  },
  'poll(2) on a thread': (fd, woken) => {
    const poll = koffi.load(null).func('int poll(void *, unsigned long, int)');
    const entry = Int32Array.of(fd, POLLIN);
    let open = true;
    const wait = (): void => {
      poll.async(entry, 1, -1, () => {
        woken();
        if (open) wait();
      });
    };
    wait();
    return () => {
      open = false;
    };
  },
};

const { subject, count } = peerWorkload<{ subject: string; count: number }>();
const fd = calls.eventfd(0, O_NONBLOCK);
const one = new Uint8Array(BigUint64Array.of(1n).buffer);
const value = new Uint8Array(8);
let left = count;
const ring = () => calls.write(fd, one, 0, 8);

const end = (WAYS[subject] as Way)(fd, () => {
  calls.read(fd, value, 0, 8);
  left--;
  if (left > 0) {
    ring();
    return;
  }
  const nanoseconds = Number(process.hrtime.bigint() - begin) / count;
  end();
  process.send?.(nanoseconds);
  process.disconnect?.();
});
const begin = process.hrtime.bigint();
ring();
