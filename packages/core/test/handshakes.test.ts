import { Handshakes, MAX_HANDSHAKES } from '@pageferry/core';
import { describe, expect, test } from 'vitest';

/** A receiver that says nothing. */
class Silent {
  keepsAlive = true;
  readonly hungUpOn: Promise<void>;
  hangUp!: () => void;
  isHungUpOn = false;

  constructor() {
    this.hungUpOn = new Promise((resolve) => {
      this.hangUp = () => {
        this.isHungUpOn = true;
        resolve();
      };
    });
  }

  keepAlive(on: boolean): void {
    this.keepsAlive = on;
  }
}

function begin(handshakes: Handshakes, count: number): Silent[] {
  const silent = Array.from({ length: count }, () => new Silent());
  for (const each of silent) handshakes.begin(each);
  return silent;
}

const states = (silent: readonly Silent[]): boolean[] => silent.map((each) => each.isHungUpOn);

describe('handshakes that are under way', () => {
  test('make room for the next one where there are too many, whoever is silent longest first', () => {
    const handshakes = new Handshakes(undefined);
    const [first, second, ...others] = begin(handshakes, MAX_HANDSHAKES) as [Silent, Silent];
    handshakes.end(first); // It has said hello.
    begin(handshakes, 2);
    expect([first.isHungUpOn, second.isHungUpOn]).toEqual([false, true]);
    expect(states(others)).not.toContain(true);
    handshakes.close();
  });

  test('end by themselves after a while, and not once they have come to something', async () => {
    const handshakes = new Handshakes(1);
    const [heard, silent] = begin(handshakes, 2) as [Silent, Silent];
    handshakes.end(heard);
    const held = setInterval(() => {}, 1000); // They do not keep the process alive.
    await silent.hungUpOn;
    clearInterval(held);
    expect(heard.isHungUpOn).toBe(false);
  });

  test('end with their sender, and so do those that begin afterwards', () => {
    const handshakes = new Handshakes(undefined);
    const silent = begin(handshakes, 3);
    handshakes.close();
    expect(handshakes.closed).toBe(true);
    expect(states([...silent, ...begin(handshakes, 1)])).toEqual([true, true, true, true]);
  });

  test('keep the event loop alive as their sender says, whenever they begin', () => {
    const handshakes = new Handshakes(undefined);
    const [early] = begin(handshakes, 1);
    handshakes.keepAlive(false);
    const [late] = begin(handshakes, 1);
    expect([early?.keepsAlive, late?.keepsAlive]).toEqual([false, false]);
    handshakes.keepAlive(true);
    expect([early?.keepsAlive, late?.keepsAlive]).toEqual([true, true]);
    handshakes.close();
  });
});
