import { expect, test } from 'vitest';
import type { Engine } from '../dist/engine/engine.js';
import { Progress } from '../dist/sending/progress.js';

/** Servers that answer when the test says so, or never. */
class Servers {
  readonly told: string[] = [];
  readonly #answers: (() => void)[] = [];
  #onChange = (): void => undefined;

  readonly engine = {
    connected: true,
    onChange: (listener: () => void) => {
      this.#onChange = listener;
    },
    api: {
      consumers: {
        update: (_stream: string, _name: string, { description }: { description: string }) => {
          this.told.push(description);
          return new Promise<void>((resolve) => this.#answers.push(resolve));
        },
      },
    },
  } as unknown as Engine;

  /** Answers all that was asked. */
  async answer(): Promise<void> {
    for (const answer of this.#answers.splice(0)) answer();
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** The connection is lost and there again: what was asked will not be answered. */
  async reconnect(): Promise<void> {
    this.#answers.length = 0;
    this.#onChange();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function begin() {
  const servers = new Servers();
  let wakes = 0;
  const progress = new Progress({
    engine: servers.engine,
    stream: 'stream',
    source: 'source',
    pieceBytes: 1000,
    inbox: 'inbox',
    from: undefined,
    onChange: () => {
      wakes++;
    },
  });
  expect(progress.judge(0, 1)).toBe('wait');
  await servers.answer();
  expect(progress.judge(0, 1)).toBe('next');
  return { servers, progress, wakes: () => wakes };
}

/** Stores messages one after the other, as far as they may go. @returns the first that has to wait. */
function storeUpTo(progress: Progress, from: number, end: number): number {
  for (let sequence = from; sequence < end; sequence++) {
    if (progress.judge(sequence, 1) === 'wait') return sequence;
    progress.noteStored({ sequence, number: sequence + 1 });
  }
  return end;
}

test('while the servers cannot be told how far the stream is, messages wait after 256', async () => {
  const { servers, progress, wakes } = await begin();
  expect(storeUpTo(progress, 0, 10_000)).toBe(256);
  const before = wakes();
  // The first answer is about what was stored when it was asked; what has come since is told at once.
  await servers.answer();
  await servers.answer();
  expect(wakes()).toBeGreaterThan(before);
  expect(servers.told.at(-1)).toBe('source 255 256 1000');
  expect(storeUpTo(progress, 256, 300)).toBe(300);
  progress.stop();
});

test('they are told anew after a reconnection: what was asked before has no answer', async () => {
  const { servers, progress } = await begin();
  expect(storeUpTo(progress, 0, 10_000)).toBe(256);
  const asked = servers.told.length;
  await servers.reconnect();
  expect(servers.told.length).toBe(asked + 1);
  await servers.answer();
  expect(storeUpTo(progress, 256, 300)).toBe(300);
  progress.stop();
});
