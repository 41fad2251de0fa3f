import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { loadLinuxCalls } from '@pageferry/linux-ffi';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { openProgram } from '../dist/drivers/c-library.js';
import { loadKoffi } from '../dist/drivers/koffi.js';
import { KoffiDriver } from '../dist/drivers/koffi-driver.js';
import { NodeDriver } from '../dist/drivers/node-driver.js';
import { startDriver } from '../dist/load-linux-calls.js';

const require = createRequire(import.meta.url);

/** Replaces properties of `process`. */
function stubProcess(properties: Readonly<Record<string, unknown>>): void {
  vi.stubGlobal(
    'process',
    new Proxy(process, {
      get: (target, key) =>
        typeof key === 'string' && key in properties ? properties[key] : Reflect.get(target, key),
    }),
  );
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('loading', () => {
  test('the same object comes back every time', () => {
    const calls = loadLinuxCalls();
    expect(calls.binding).toBe('koffi');
    expect(loadLinuxCalls({ driver: 'koffi' })).toBe(calls);
    expect(loadLinuxCalls({ driver: undefined })).toBe(calls);
  });

  test('a driver that there is not is a mistake of the program', () => {
    for (const driver of ['libffi', '', 'toString']) {
      expect(() => loadLinuxCalls({ driver: driver as 'koffi' })).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT', argument: 'driver' }),
      );
    }
  });

  test('an FFI that does not load is a typed error with its reason', () => {
    const cause = new Error('koffi.node: cannot open shared object file');
    const create = () =>
      new KoffiDriver(() => {
        throw cause;
      });
    expect(() => startDriver('koffi', create)).toThrow(
      expect.objectContaining({
        code: 'BINDING_UNAVAILABLE',
        message: expect.stringMatching(
          /koffi does not load.*cannot open shared.*@pageferry\/socket/,
        ),
        cause,
      }),
    );
  });

  test('a koffi that is cut off is not loaded: that would end the process', () => {
    const folder = mkdtempSync(join(tmpdir(), 'pf-koffi-'));
    try {
      const installed = dirname(require.resolve(`@koromix/koffi-linux-${process.arch}`));
      cpSync(installed, folder, { recursive: true });
      for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
        const path = join(folder, name);
        if (name.endsWith('.node')) truncateSync(path, statSync(path).size - 100_000);
      }
      const create = () => new KoffiDriver(() => loadKoffi(folder));
      expect(() => startDriver('koffi', create)).toThrow(
        expect.objectContaining({
          code: 'BINDING_UNAVAILABLE',
          message: expect.stringContaining('koffi.node is not a whole file'),
        }),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('a C library without one of the calls is a typed error that names it', () => {
    const create = () => {
      const driver = new KoffiDriver();
      const declare = driver.declare.bind(driver) as (...args: readonly unknown[]) => unknown;
      return Object.assign(driver, {
        declare: (name: string, ...rest: readonly unknown[]) =>
          declare(name === 'memfd_create' ? 'memfd_create_of_tomorrow' : name, ...rest),
      });
    };
    expect(() => startDriver('koffi', create as () => KoffiDriver)).toThrow(
      expect.objectContaining({
        code: 'BINDING_UNAVAILABLE',
        message: expect.stringContaining('memfd_create_of_tomorrow'),
      }),
    );
  });

  test.skipIf(process.getBuiltinModule('node:ffi') !== undefined)(
    'a Node without node:ffi says since when there is one',
    () => {
      expect(() => loadLinuxCalls({ driver: 'node' })).toThrow(
        expect.objectContaining({
          code: 'BINDING_UNAVAILABLE',
          message: expect.stringMatching(/Node v[\d.]+ has no node:ffi.*26\.9/),
        }),
      );
    },
  );

  test('a node:ffi that finds no C library is a typed error with its reason', () => {
    const cause = new Error('dlopen failed: no such library');
    class DynamicLibrary {
      constructor() {
        throw cause;
      }
    }
    const create = () => new NodeDriver(() => ({ DynamicLibrary }) as never);
    expect(() => startDriver('node', create)).toThrow(
      expect.objectContaining({ code: 'BINDING_UNAVAILABLE', cause }),
    );
  });

  test.each([
    ['a system that is not Linux', { platform: 'darwin' }, 'it is for Linux'],
    ['a processor whose structures are not known', { arch: 'arm' }, 'this processor, arm'],
  ])('%s is told what to use instead', (_, properties, reason) => {
    stubProcess(properties);
    expect(() => startDriver('koffi', () => new KoffiDriver())).toThrow(
      expect.objectContaining({
        code: 'BINDING_UNAVAILABLE',
        message: expect.stringMatching(`${reason}.*@pageferry/socket`),
      }),
    );
  });
});

describe('the C library', () => {
  /** Opens nothing but `present`, and remembers what was asked for. */
  function fakeLoader(present: string | null | undefined) {
    const asked: (string | null)[] = [];
    const open = (name: string | null): string => {
      asked.push(name);
      if (name !== present) throw new Error(`${name}: no such library`);
      return `opened ${name}`;
    };
    return { asked, open };
  }

  /** A Node that is linked to musl, or to glibc. */
  function stubLibrary(glibcVersionRuntime: string | undefined, arch: string): void {
    stubProcess({ arch, report: { getReport: () => ({ header: { glibcVersionRuntime } }) } });
  }

  test('is the one that Node itself is linked to, whatever its name', () => {
    const { asked, open } = fakeLoader(null);
    expect(openProgram(open)).toBe('opened null');
    expect(asked).toEqual([null]);
  });

  test.each([
    ['glibc', '2.41', 'x64', 'libc.so.6', [null, 'libc.so.6']],
    ['musl', undefined, 'x64', 'libc.musl-x86_64.so.1', [null, 'libc.musl-x86_64.so.1']],
    [
      'musl under its other name',
      undefined,
      'arm64',
      'ld-musl-aarch64.so.1',
      [null, 'libc.musl-aarch64.so.1', 'ld-musl-aarch64.so.1'],
    ],
  ])('where the program cannot be opened it is %s', (_, version, arch, present, expected) => {
    stubLibrary(version, arch);
    const { asked, open } = fakeLoader(present);
    expect(openProgram(open)).toBe(`opened ${present}`);
    expect(asked).toEqual(expected);
  });

  test('that is nowhere is an error with the first reason', () => {
    stubLibrary(undefined, 'riscv64');
    const { asked, open } = fakeLoader(undefined);
    expect(() => openProgram(open)).toThrow('null: no such library');
    expect(asked).toEqual([null, 'libc.musl-riscv64.so.1', 'ld-musl-riscv64.so.1']);
  });
});
