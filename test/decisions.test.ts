import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseDecision, readDecisions, wrongHeads } from '../scripts/decisions.js';

const decisions = readDecisions('docs/decisions');

describe('the heads of the decisions', () => {
  test('say what is so', () => {
    expect(decisions.length).toBeGreaterThan(20);
    expect(new Set(decisions.map(({ number }) => number)).size).toBe(decisions.length);
    expect(wrongHeads(decisions, existsSync)).toEqual([]);
  });

  test('lead from what is overtaken in part to each decision that did it, in the text as well', () => {
    for (const { file, overtakenBy } of decisions) {
      const body = readFileSync(`docs/decisions/${file}`, 'utf8').replace(/^- Status.*?\n\n/ms, '');
      for (const by of overtakenBy) expect(body, `${file} on ${by}`).toContain(`](${by})`);
    }
  });

  test.each([
    ['without a status', '# 1. A title\n\n## Context\n', 'does not begin with'],
    ['of a status that there is not', head('perhaps', '`docs`'), "'perhaps' is no status"],
    ['overtaken by nobody', head('overtaken in part by', '`docs`'), 'is no status'],
    ['without a scope', head('accepted', 'everything'), 'is no list of paths'],
  ])('one %s is refused', (_, text, problem) => {
    expect(() => parseDecision('0001-a.md', text)).toThrow(problem);
  });

  test.each([
    ['another number', '0002-a.md', head('accepted', '`docs`'), ['it calls itself number 1']],
    [
      'a scope that is not there',
      '0001-a.md',
      head('accepted', '`nowhere`'),
      ['there is no nowhere'],
    ],
    [
      'a decision that is not there',
      '0001-a.md',
      head('overtaken in whole by [9](0009-b.md)', '`docs`'),
      ['there is no 0009-b.md'],
    ],
    [
      'itself',
      '0001-a.md',
      head('overtaken in part by [1](0001-a.md) (all)', '`docs`'),
      ['0001-a.md is no later decision, or has another number'],
    ],
  ])('one that names %s is reported', (_, file, text, problems) => {
    const wrong = wrongHeads([parseDecision(file, text)], existsSync);
    expect(wrong).toEqual(problems.map((problem) => `${file}: ${problem}`));
  });
});

function head(status: string, scope: string): string {
  return `# 1. A title\n\n- Status: ${status}\n- Scope: ${scope}\n\n## Context\n`;
}
