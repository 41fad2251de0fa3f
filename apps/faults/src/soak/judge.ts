import type { Sample } from './sample.js';

/** By how much memory may differ between two moments in which as much is in use: by so many bytes, and by this share. */
const SLACK = {
  /** The C library, and V8 for garbage, keep what was in use at the busiest moment. */
  rss: 12 * 1024 * 1024,
  /** There is no garbage in these moments: what grows here is held. */
  heap: 2 * 1024 * 1024,
};
const SLACK_SHARE = 0.1;
const NAMES = { rss: 'resident memory', heap: 'the heap' };
/** With fewer moments than this, what grows may as well be Node that warms up. */
const FEWEST_FOR_MEMORY = 6;

/**
 * Looks at the moments in which all guests had left: what the house has then is to stay as it is.
 *
 * @returns what does not, as sentences.
 */
export function growthIn(evenings: readonly Sample[]): readonly string[] {
  const last = evenings.at(-1);
  const first = evenings.slice(0, Math.ceil(evenings.length / 2));
  if (last === undefined || evenings.length < 2) return ['was never without guests twice'];
  const highest = (key: 'mappings' | 'descriptors' | keyof typeof SLACK) =>
    Math.max(...first.map((sample) => sample[key]));
  const growth: string[] = [];
  for (const key of ['mappings', 'descriptors'] as const) {
    if (last[key] > highest(key)) growth.push(`${key} grow from ${highest(key)} to ${last[key]}`);
  }
  if (evenings.length < FEWEST_FOR_MEMORY) return growth;
  for (const key of ['rss', 'heap'] as const) {
    if (last[key] > highest(key) * (1 + SLACK_SHARE) + SLACK[key]) {
      growth.push(`${NAMES[key]} grows from ${highest(key)} to ${last[key]} bytes`);
    }
  }
  return growth;
}
