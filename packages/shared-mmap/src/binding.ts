import {
  type Binding,
  BindingLoader,
  type BindingPackage,
  type LinuxCalls,
} from '@pageferry/linux';
import * as napi from '@pageferry/linux-napi';

const loader = new BindingLoader(importFfi, { '@pageferry/linux-napi': napi });

/** The name is written out, and within `try`: so bundlers find it, and do without it where it is not installed. */
async function importFfi(): Promise<BindingPackage> {
  try {
    return await import('@pageferry/linux-ffi');
  } catch (cause) {
    return Promise.reject(cause);
  }
}

/** Loads a binding, when it is first needed. @throws as `BindingLoader.loadChosen`. */
export function loadBinding(binding: Binding | undefined): Promise<LinuxCalls> {
  return loader.loadChosen(binding, 'mmap');
}
