import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readMemoryRoom } from '@pageferry/linux';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const MIB = 1024 * 1024;

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pageferry-groups-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** What the kernel would show: paths below the folder, and what is in the files. */
function room(files: Readonly<Record<string, string | number>>) {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), `${content}\n`);
  }
  const { limitBytes, leftBytes, file } =
    readMemoryRoom({
      groups: join(folder, 'groups'),
      self: join(folder, 'self'),
      meminfo: join(folder, 'meminfo'),
    }) ?? {};
  if (limitBytes === undefined || leftBytes === undefined) return undefined;
  return [limitBytes / MIB, leftBytes / MIB, file?.slice(folder.length + 1)];
}

describe('the memory that control groups of version 2 leave', () => {
  const group = (path: string, max: string | number, current: number, more = {}) => ({
    [`groups${path}/memory.max`]: max,
    [`groups${path}/memory.current`]: current,
    ...more,
  });

  test('is that of the own group (11.25)', () => {
    const own = group('/app', 512 * MIB, 100 * MIB);
    expect(room({ self: '0::/app', ...own })).toEqual([512, 412, 'groups/app/memory.max']);
  });

  test('is that of a tighter ancestor, of which others have used some (11.25)', () => {
    const files = {
      ...group('/slice', 256 * MIB, 200 * MIB),
      ...group('/slice/app', 512 * MIB, 10 * MIB),
      ...group('/slice/app/inner', 'max', 10 * MIB),
    };
    expect(room({ self: '0::/slice/app/inner', ...files })).toEqual([
      256,
      56,
      'groups/slice/memory.max',
    ]);
  });

  test('is more by the page cache that can be dropped (11.25)', () => {
    const stat = `anon 5\ninactive_file ${30 * MIB}\nactive_file ${10 * MIB}\nshmem ${50 * MIB}`;
    const own = group('/app', 512 * MIB, 500 * MIB, { 'groups/app/memory.stat': stat });
    expect(room({ self: '0::/app', ...own })?.slice(0, 2)).toEqual([512, 52]);
  });

  test('is more by the swap that it may have, where there is some (11.25)', () => {
    const own = group('/app', 512 * MIB, 500 * MIB, {
      'groups/app/memory.swap.max': 'max',
      'groups/app/memory.swap.current': 8 * MIB,
      meminfo: 'SwapTotal:  102400 kB\nSwapFree:    20480 kB',
    });
    expect(room({ self: '0::/app', ...own })?.slice(0, 2)).toEqual([612, 32]);
    const none = room({ self: '0::/app', ...own, 'groups/app/memory.swap.max': 0 });
    expect(none?.[0]).toBe(512);
  });

  test('is unlimited without a limit (11.25)', () => {
    expect(room({ self: '0::/app', ...group('/app', 'max', MIB) })).toBeUndefined();
    expect(room({ self: '0::/../elsewhere' })).toBeUndefined();
    expect(room({ self: '' })).toBeUndefined();
    expect(readMemoryRoom({ self: '/nowhere' })).toBeUndefined();
  });
});

describe('the memory that control groups of version 1 leave', () => {
  const own = {
    self: '9:name=systemd:/\n4:cpu,memory:/docker/ab\n0::/',
    'groups/memory/memory.limit_in_bytes': 64 * MIB,
    'groups/memory/memory.usage_in_bytes': 60 * MIB,
  };

  test('is that at the mount, where the path is that of the host (11.25)', () => {
    expect(room(own)).toEqual([64, 4, 'groups/memory/memory.limit_in_bytes']);
  });

  test('counts swap by the limit of both together (11.25)', () => {
    const swap = {
      meminfo: 'SwapTotal:  102400 kB\nSwapFree:    102400 kB',
      'groups/memory/memory.memsw.limit_in_bytes': 80 * MIB,
    };
    expect(room({ ...own, ...swap })?.slice(0, 2)).toEqual([80, 20]);
  });

  test('is unlimited by the number that stands for none (11.25)', () => {
    const none = { 'groups/memory/memory.limit_in_bytes': '9223372036854771712' };
    expect(room({ ...own, ...none })).toBeUndefined();
  });
});
