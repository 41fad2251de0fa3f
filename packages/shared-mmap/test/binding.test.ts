import { loadLinuxCalls } from '@pageferry/linux-napi';
import { openSocketPair, type SharedMmapSenderOptions, sharedMmap } from '@pageferry/shared-mmap';
import { Child, expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { callsWith, LIMIT, openStage } from './support/stage.js';

const folder = temporaryFolder();
type Binding = SharedMmapSenderOptions['binding'];

describe('a binding', () => {
  expectNothingLeft();

  test.each([
    ['the default', undefined],
    ["'napi'", 'napi'],
    ['an implementation of LinuxCalls', loadLinuxCalls()],
  ] as const)('may be %s', async (_, binding) => {
    await using stage = await openStage({ binding }, [{ binding }]);
    expect(await stage.sender.send(Buffer.from('hello'), LIMIT)).toBe('sent');
    using delivery = await stage.receiver.receive(LIMIT);
    expect(delivery?.copy().toString()).toBe('hello');
  });

  test('that is an implementation makes the system calls', async () => {
    let created = 0;
    const binding = callsWith({
      memfdCreate: (...words) => {
        created++;
        return loadLinuxCalls().memfdCreate(...words);
      },
    });
    await using _stage = await openStage({ binding });
    // Payload, ring and control memory.
    expect(created).toBe(3);
  });

  test('need not be the same on both sides', async () => {
    await using stage = await openStage({ binding: 'napi' }, [{ binding: callsWith({}) }]);
    expect(await stage.sender.send(Buffer.from('hello'), LIMIT)).toBe('sent');
    expect((await stage.receiver.receive(LIMIT))?.copy().toString()).toBe('hello');
  });

  test.each(['', 'ffi2', 'NAPI', 7, null, {}, []])('may not be %j', async (unusable) => {
    const binding = unusable as unknown as Binding;
    const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT', argument: 'binding' });
    const endpoint = folder.fresh();
    await expect(sharedMmap.createSender({ endpoint, binding })).rejects.toThrow(invalid);
    await expect(sharedMmap.createReceiver({ endpoint, binding, ...LIMIT })).rejects.toThrow(
      invalid,
    );
    await expect(openSocketPair(binding)).rejects.toThrow(invalid);
  });
});

describe('an addon that does not load', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test('leaves it to FFI, unless the addon was asked for by name', async () => {
    vi.stubEnv('PAGEFERRY_LINUX_NAPI_ADDON', '/nowhere/addon.node');
    const endpoint = folder.fresh();
    await expect(sharedMmap.createSender({ endpoint, binding: 'napi' })).rejects.toMatchObject({
      code: 'BINDING_UNAVAILABLE',
    });
    await using stage = await openStage({}, [{}]);
    expect(await stage.sender.send(Buffer.from('hello'), LIMIT)).toBe('sent');
    using delivery = await stage.receiver.receive(LIMIT);
    expect(delivery?.copy().toString()).toBe('hello');
  });
});

describe('a binding that is not installed', () => {
  // The other one comes with the package: that its addon does not load is told in linux-napi's tests.
  test.each(['ffi'])('is BINDING_UNAVAILABLE, and says why (%s)', async (binding) => {
    const program = new URL('./peers/without-bindings.mjs', import.meta.url);
    await using child = new Child(program, [binding, folder.fresh()]);
    const failure = { code: 'BINDING_UNAVAILABLE', cause: `no @pageferry/linux-${binding} here` };
    expect(await child.message()).toEqual([failure, failure, failure]);
    expect(await child.exit).toBe(0);
  });
});
