import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Circumstances, fixture, runNode } from './support/run.js';

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pageferry-warning-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** No binding loads, so that there is nothing but the socket. */
const NO_BINDING = { PAGEFERRY_LINUX_NAPI_ADDON: '/nowhere/addon.node' };
const onlySocket = { env: NO_BINDING };
const without = { prefer: ['vmsplice-napi'] };

async function choose(options: object, circumstances: Circumstances) {
  const args = [join(folder, 'endpoint'), JSON.stringify(options)];
  const { code, stdout, stderr } = await runNode(fixture('choose.mjs'), args, circumstances);
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return { choices: JSON.parse(stdout) as { name: string; reasons: string[] }[], stderr };
}

describe.runIf(process.platform === 'linux')('whoever gets copies', () => {
  test('is told so once, with a code and the reasons (11.19)', async () => {
    const { choices, stderr } = await choose(without, onlySocket);
    for (const { name, reasons } of choices) {
      expect(name).toBe('socket');
      expect(reasons).toHaveLength(2);
      expect(reasons[0]).toMatch(/^vmsplice-napi: .+$/);
    }
    expect(stderr.match(/\[PAGEFERRY_COPIES\] PageferryWarning/g)).toHaveLength(1);
    expect(stderr).toContain(`  ${choices[0]?.reasons[0]}`);
  });

  test.each([
    ['the option', { ...without, warn: false }, {}],
    ['--no-warnings', without, { NODE_OPTIONS: '--no-warnings' }],
    ['--disable-warning', without, { NODE_OPTIONS: '--disable-warning=PAGEFERRY_COPIES' }],
  ])('can turn it off by %s (11.19)', async (_, options, env) => {
    const { choices, stderr } = await choose(options, { env: { ...NO_BINDING, ...env } });
    expect(choices[0]?.name).toBe('socket');
    expect(stderr).toBe('');
  });

  test('is not told who asked for it (11.19)', async () => {
    const { stderr } = await choose({ prefer: ['socket'] }, onlySocket);
    expect(stderr).toBe('');
  });

  test('is told as a receiver, too (11.19)', async () => {
    const { stderr } = await runNode(fixture('follow-socket.mjs'), [join(folder, 'endpoint')]);
    expect(stderr).toMatch(/\[PAGEFERRY_COPIES\] .*the sender at .* does so/);
  });
});

describe.runIf(process.platform === 'linux')('whoever gets copies over a channel', () => {
  const open = (...more: string[]) => {
    const args = [join(folder, 'endpoint'), JSON.stringify(without), ...more];
    return runNode(fixture('choose-channel.mjs'), args, onlySocket);
  };

  test('is told so once, with a code and the reasons', async () => {
    const { stdout, stderr } = await open();
    for (const { name, reasons } of JSON.parse(stdout)) {
      expect(name).toBe('socket');
      expect(reasons).toHaveLength(2);
    }
    expect(stderr.match(/\[PAGEFERRY_COPIES\] PageferryWarning/g)).toHaveLength(1);
    expect(stderr).toContain('no backend that does not works here');
  });

  test('is told as the one who connects, too', async () => {
    const { stderr } = await open('follow');
    expect(stderr.match(/\[PAGEFERRY_COPIES\] PageferryWarning/g)).toHaveLength(1);
    expect(stderr).toMatch(/the listener at .* does so/);
  });
});
