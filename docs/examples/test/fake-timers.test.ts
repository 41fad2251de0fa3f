import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sharedMmap } from '@pageferry/shared-mmap';
import { expect, test, vi } from 'vitest';

const PAGE = new URL('../../transfer-contract.md', import.meta.url);

test('a signal of a faked timer ends a wait, as the page says', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pf-fake-timers-'));
  const endpoint = join(folder, 'ferry.sock');
  const sender = await sharedMmap.createSender({ endpoint });
  const receiver = await sharedMmap.createReceiver({ endpoint });
  try {
    // From here on as on the page.
    vi.useFakeTimers();
    const limit = new AbortController();
    setTimeout(() => limit.abort(), 5000); // This timer is faked.
    const receiving = receiver.receive({ signal: limit.signal });
    vi.advanceTimersByTime(5000);
    await expect(receiving).rejects.toMatchObject({ code: 'ABORTED' });
    vi.useRealTimers();
    // And up to here.
  } finally {
    vi.useRealTimers();
    await sender.close();
    await receiver.close();
    rmSync(folder, { recursive: true });
  }
});

test('the page shows that test', () => {
  const lines = (text: string) => text.split('\n').map((line) => line.trim());
  const [, tested = ''] =
    /From here on as on the page\.\n(.*?)\n *\/\/ And up/s.exec(
      readFileSync(new URL(import.meta.url), 'utf8'),
    ) ?? [];
  expect(tested).toContain('ABORTED');
  expect(lines(readFileSync(PAGE, 'utf8')).join('\n')).toContain(lines(tested).join('\n'));
});

test('vitest refuses to fake nextTick in a child process', () => {
  expect(() => vi.useFakeTimers({ toFake: ['nextTick'] })).toThrow(/not supported/);
  vi.useRealTimers();
});
