import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { requireFrom, surroundingsOf } from '@pageferry/linux';

/**
 * What a bundler gets in the place of `koffi-packages.cts`: koffi is not in the bundle. It is a file beside that, or
 * installed where the bundle finds it.
 *
 * @throws what keeps it from loading; `MODULE_NOT_FOUND` if it is not installed.
 */
function requireKoffi(arch: string, _libc: string): unknown {
  const { places } = surroundingsOf('@pageferry/linux-ffi', import.meta.url);
  let failure: unknown = new Error('nobody knows where the bundle is');
  for (const place of places) {
    const beside = join(dirname(place), 'koffi.node');
    try {
      return requireFrom(place)(existsSync(beside) ? beside : `@koromix/koffi-linux-${arch}`);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

export default { requireKoffi };
