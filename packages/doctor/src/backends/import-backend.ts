import { checkSpareDescriptors } from '@pageferry/linux';
import { isMissing, NotInstalled } from '../bindings/optional-package.js';

/** More than a sender and a receiver together take, and than Node takes to load a package. */
const ENOUGH = 24;

/** The packages of backends that need not be installed. */
export type BackendPackage =
  | '@pageferry/shared-mmap'
  | '@pageferry/vmsplice-ffi'
  | '@pageferry/vmsplice-napi';

/**
 * Imports the package of a backend. The names are written out, and within `try`: so bundlers find them, and do without
 * one that is not installed.
 *
 * @throws `NotInstalled`, `SYSTEM_CALL_FAILED` (`EMFILE`), or what keeps it from loading.
 */
export async function importBackend(packageName: BackendPackage): Promise<object> {
  checkSpareDescriptors(ENOUGH);
  try {
    switch (packageName) {
      case '@pageferry/shared-mmap':
        return await import('@pageferry/shared-mmap');
      case '@pageferry/vmsplice-ffi':
        return await import('@pageferry/vmsplice-ffi');
      case '@pageferry/vmsplice-napi':
        return await import('@pageferry/vmsplice-napi');
    }
  } catch (error) {
    throw isMissing(packageName, error) ? new NotInstalled(packageName) : error;
  }
}
