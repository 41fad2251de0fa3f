import { describe, expect, test } from 'vitest';
import { measureRounds, turns } from '../dist/rounds.js';

describe('turns', () => {
  test('come once a round, in the order of the subjects', () => {
    expect([...turns(['a', 'b'], 2)]).toEqual([
      { subject: 'a', round: 0 },
      { subject: 'b', round: 0 },
      { subject: 'a', round: 1 },
      { subject: 'b', round: 1 },
    ]);
  });

  test('of one group follow each other, and each round begins with another subject of it', () => {
    const subjects = ['a1', 'b1', 'a2', 'b2', 'a3'];
    const order = [...turns(subjects, 4, ([group]) => group)].map(({ subject }) => subject);
    expect(order.slice(0, 5)).toEqual(['a1', 'a2', 'a3', 'b1', 'b2']);
    expect(order.slice(5, 10)).toEqual(['a2', 'a3', 'a1', 'b2', 'b1']);
    expect(order.slice(10, 15)).toEqual(['a3', 'a1', 'a2', 'b1', 'b2']);
    expect(order.slice(15)).toEqual(['a1', 'a2', 'a3', 'b2', 'b1']);
  });

  test('are none without subjects, and none without rounds', () => {
    expect([...turns([], 3, String)]).toEqual([]);
    expect([...turns(['a'], 0)]).toEqual([]);
  });
});

describe('measured rounds', () => {
  test('begin with their name, and keep what each subject showed in their order', async () => {
    const events: string[] = [];
    const trials = await measureRounds(
      ['a', 'b'],
      2,
      async (subject, round) => {
        events.push(`${subject} in ${round}`);
        return `${subject} ${events.length}`;
      },
      (round) => events.push(round),
    );
    expect(events).toEqual([
      'round 1 of 2',
      'a in round 1 of 2',
      'b in round 1 of 2',
      'round 2 of 2',
      'a in round 2 of 2',
      'b in round 2 of 2',
    ]);
    expect([...trials]).toEqual([
      ['a', ['a 2', 'a 5']],
      ['b', ['b 3', 'b 6']],
    ]);
  });

  test('measure one at a time', async () => {
    let running = 0;
    await measureRounds(['a', 'b', 'c'], 2, async () => {
      expect(++running).toBe(1);
      await new Promise(setImmediate);
      running--;
    });
  });

  test('end with the first trial that fails', async () => {
    const measured: string[] = [];
    const measuring = measureRounds(['a', 'b', 'c'], 1, async (subject) => {
      measured.push(subject);
      if (subject === 'b') throw new Error('it broke');
    });
    await expect(measuring).rejects.toThrow('it broke');
    expect(measured).toEqual(['a', 'b']);
  });
});
