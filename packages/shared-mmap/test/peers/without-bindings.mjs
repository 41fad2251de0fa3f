// @ts-check
// A process in which no package with a binding can be found. Tells what comes of asking for one.
import { register } from 'node:module';
import { openSocketPair, sharedMmap } from '@pageferry/shared-mmap';

const hooks = `export const resolve = (name, context, next) => {
  if (/^@pageferry\\/linux-/.test(name)) throw new Error('no ' + name + ' here');
  return next(name, context);
};`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);

const [binding, endpoint = ''] = process.argv.slice(2);
const chosen = /** @type {'napi' | 'ffi'} */ (binding);
const outcomes = await Promise.allSettled([
  sharedMmap.createSender({ endpoint, binding: chosen }),
  sharedMmap.createReceiver({ endpoint, binding: chosen }),
  openSocketPair(chosen),
]);
process.send?.(
  outcomes.map((outcome) => {
    if (outcome.status === 'fulfilled') return 'done';
    const { code, cause } = outcome.reason;
    return { code, cause: cause.message };
  }),
  () => process.disconnect(),
);
