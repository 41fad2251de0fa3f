import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import * as pageferry from 'pageferry';
import { describe, expect, test } from 'vitest';

const COMMAND = fileURLToPath(new URL('../dist/command.js', import.meta.url));
const { fresh } = temporaryFolder();

describe('the package to begin with', () => {
  expectNothingLeft();

  test('has the choice, shared memory and the contract', () => {
    expect(Object.keys(pageferry).sort()).toEqual([
      'PageferryError',
      'channelPair',
      'chooseTransport',
      'connectBest',
      'isPageferryError',
      'openBestListener',
      'openBestReceiver',
      'openBestSender',
      'openShared',
      'openSocketPair',
      'sharedMmap',
    ]);
  });

  test('chooses shared memory, which it brings along', async () => {
    const endpoint = fresh();
    const { listener, name } = await pageferry.openBestListener({ endpoint });
    expect(name).toBe('shared-mmap');
    const { channel } = await pageferry.connectBest({ endpoint });
    const asked = channel.request(Uint8Array.of(1, 2, 3));
    using question = await listener.receive();
    await question?.respond(Uint8Array.of(...(question?.bytes ?? [])).reverse());
    using answer = await asked;
    expect([...answer.bytes]).toEqual([3, 2, 1]);
    await channel.close();
    await listener.close();
  });
});

describe('the command', () => {
  test('runs the doctor, with its options', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [COMMAND, 'doctor', '--json']);
    expect(JSON.parse(stdout)).toHaveProperty('backends');
  });

  test.each([[], ['help'], ['--help']])('%j says what there is', (...args) => {
    const { status, stdout } = spawnSync(process.execPath, [COMMAND, ...args]);
    expect(status).toBe(0);
    expect(stdout.toString()).toContain('\n  doctor ');
  });

  test('refuses what it does not know', () => {
    const { status, stderr } = spawnSync(process.execPath, [COMMAND, 'docter']);
    expect(status).toBe(2);
    expect(stderr.toString()).toContain('there is no command "docter"');
  });
});
