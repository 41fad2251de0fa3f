import { PageferryError } from '@pageferry/core';
import { BindingLoader, type BindingPackage, type LinuxCalls } from '@pageferry/linux';
import { describe, expect, test } from 'vitest';

const NAPI = '@pageferry/linux-napi';
const FFI = '@pageferry/linux-ffi';

const callsOf = (binding: string) => ({ binding }) as unknown as LinuxCalls;
const napi: BindingPackage = { loadLinuxCalls: () => callsOf('addon') };
const ffi: BindingPackage = { loadLinuxCalls: (options) => callsOf(`${options?.driver}`) };
const broken: BindingPackage = {
  loadLinuxCalls: () => {
    throw new PageferryError('BINDING_UNAVAILABLE', 'the addon is out of order');
  },
};

/** A loader where `installed` is all there is; and the names that it has imported. */
function loaderOf(installed: Record<string, BindingPackage>) {
  const imported: string[] = [];
  const loader = new BindingLoader(async (name) => {
    imported.push(name);
    const found = installed[name];
    if (found === undefined) throw new Error(`no ${name} here`);
    return found;
  });
  return { loader, imported };
}

describe('the loader of bindings', () => {
  test('imports the package of the binding that is asked for, once, and tells it the driver', async () => {
    const { loader, imported } = loaderOf({ [NAPI]: napi, [FFI]: ffi });
    expect(await loader.load('koffi')).toEqual(callsOf('koffi'));
    expect(await loader.load('node-ffi')).toEqual(callsOf('node'));
    expect(imported).toEqual([FFI]);
    expect(await loader.load('napi')).toEqual(callsOf('addon'));
    expect(imported).toEqual([FFI, NAPI]);
  });

  test('imports nothing that its owner has imported already', async () => {
    const loader = new BindingLoader(() => Promise.reject(new Error('imported')), { [NAPI]: napi });
    expect(await loader.load('napi')).toEqual(callsOf('addon'));
    await expect(loader.load('koffi')).rejects.toThrow();
  });

  test('says BINDING_UNAVAILABLE of a package that cannot be imported, and tries again', async () => {
    const installed: Record<string, BindingPackage> = {};
    const { loader } = loaderOf(installed);
    await expect(loader.load('koffi')).rejects.toMatchObject({
      code: 'BINDING_UNAVAILABLE',
      cause: { message: `no ${FFI} here` },
    });
    installed[FFI] = ffi;
    expect(await loader.load('koffi')).toEqual(callsOf('koffi'));
  });

  test('takes the first of several that loads', async () => {
    const names = ['napi', 'koffi'] as const;
    expect(await loaderOf({ [NAPI]: napi, [FFI]: ffi }).loader.loadFirst(names)).toEqual(
      callsOf('addon'),
    );
    expect(await loaderOf({ [NAPI]: broken, [FFI]: ffi }).loader.loadFirst(names)).toEqual(
      callsOf('koffi'),
    );
  });

  test('says what keeps the first one from loading where none loads', async () => {
    const { loader } = loaderOf({ [NAPI]: broken });
    await expect(loader.loadFirst(['napi', 'koffi'])).rejects.toThrow('out of order');
  });

  test('does not take another one for a lack of descriptors, which passes', async () => {
    const short: BindingPackage = {
      loadLinuxCalls: () => {
        throw new PageferryError('SYSTEM_CALL_FAILED', 'open: EMFILE', { errnoName: 'EMFILE' });
      },
    };
    const { loader, imported } = loaderOf({ [NAPI]: short, [FFI]: ffi });
    await expect(loader.loadFirst(['napi', 'koffi'])).rejects.toMatchObject({
      errnoName: 'EMFILE',
    });
    expect(imported).toEqual([NAPI]);
  });
});
