import { readdirSync } from 'node:fs';
import { hasNatsServer } from '@pageferry/testkit';
import { describe, expect, it } from 'vitest';
import { planCases } from '../dist/plan/cases.js';
import { inWords } from '../dist/report/words.js';
import { checkResults } from '../dist/results/schema.js';
import { subjects } from '../dist/subjects/subjects.js';
import { compare, folder, start } from './compare.js';
import { sampleResults } from './sample-results.js';

const MIB = 2 ** 20;
const SMALL = ['--scenario', 'across', '--size', '64K', '--runs', '1', '--json'];

describe('across', () => {
  it('compares the transport over NATS with the plain client, and with nobody else', () => {
    for (const each of planCases(['across'], undefined, false)) {
      const there = subjects.filter((subject) => subject.takesPart(each)).map(({ name }) => name);
      expect(there).toEqual(['nats', 'nats-client']);
    }
    // The plain client has no pieces.
    const [long] = planCases(['across'], [MIB + 1], false);
    const there = subjects.filter((subject) => long && subject.takesPart(long));
    expect(there.map(({ name }) => name)).toEqual(['nats']);
    for (const each of planCases(['work', 'rtt', 'request', 'to-file'], undefined, false)) {
      const names = subjects.filter((subject) => subject.takesPart(each)).map(({ name }) => name);
      expect(names).not.toEqual(expect.arrayContaining(['nats']));
      expect(names).not.toEqual(expect.arrayContaining(['nats-client']));
    }
  });

  it.skipIf(!hasNatsServer)('measures both, every byte checked, and leaves nothing', async () => {
    const { code, stdout } = await compare(...SMALL);
    const { results } = checkResults(JSON.parse(stdout));
    expect(results.map(({ subject, failure }) => [subject, failure])).toEqual([
      ['nats', undefined],
      ['nats-client', undefined],
    ]);
    for (const { gibPerSecond, cpuSecondsPerGib, ratioToBestNode, kind } of results) {
      expect(gibPerSecond?.median).toBeGreaterThan(0);
      expect(cpuSecondsPerGib?.median).toBeGreaterThan(0);
      if (kind === 'node') expect(ratioToBestNode).toBe(1);
      else expect(ratioToBestNode).toBeGreaterThan(0);
    }
    expect(code).toBe(0);
    expect(readdirSync(folder)).toEqual(['compare-report']);
  });

  it('says so where there is no nats-server', async () => {
    const { stdout } = await start(SMALL, { PATH: '' }).ended;
    const { results } = checkResults(JSON.parse(stdout));
    const failure = { kind: 'unavailable', reason: 'no nats-server is installed' };
    expect(results).toMatchObject([
      { subject: 'nats', failure },
      { subject: 'nats-client', failure },
    ]);
  });

  it('is told in words, by the ratio', () => {
    const words = inWords(sampleResults(['across']));
    expect(words).toContainEqual(
      expect.stringMatching(
        /^Across hosts, .* 1 MiB go through \*\*.*\*\* 3\.0 times as fast as through the plain client/,
      ),
    );
  });
});
