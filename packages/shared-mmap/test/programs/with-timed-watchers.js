// @ts-check
import { withTimedWatchers } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { sharedMmap } from '@pageferry/shared-mmap';

const binding = withTimedWatchers(loadLinuxCalls());

/** What is no object of options is passed on as it is, to be refused. @param {any} options */
const withBinding = (options) =>
  Object.prototype.toString.call(options) === '[object Object]' ? { ...options, binding } : options;

/** The transport as it is on Bun and Deno, in Node: watchers are timers. @type {typeof sharedMmap} */
export const sharedMmapTimed = {
  ...sharedMmap,
  name: 'shared-mmap with timed watchers',
  createSender: (options) => sharedMmap.createSender(withBinding(options)),
  createReceiver: (options) => sharedMmap.createReceiver(withBinding(options)),
  listen: (options) => sharedMmap.listen(withBinding(options)),
  connect: (options) => sharedMmap.connect(withBinding(options)),
};
