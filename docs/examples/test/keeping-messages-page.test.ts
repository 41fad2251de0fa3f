import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { RIGHT } from './harness/patterns.js';

const PAGE = new URL('../../keeping-messages.md', import.meta.url);

test('the page shows the examples as they are tested (11.4)', () => {
  const page = readFileSync(PAGE, 'utf8');
  const shown = [...page.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code);
  for (const file of readdirSync(RIGHT)) {
    expect(shown, file).toContain(readFileSync(new URL(file, RIGHT), 'utf8'));
  }
});
