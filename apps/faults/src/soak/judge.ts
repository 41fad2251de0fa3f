import type { Sample } from './sample.js';

/** By how much resident memory may differ between two moments in which as much is in use, in bytes and as a share. */
const SLACK_BYTES = 12 * 1024 * 1024;
const SLACK_SHARE = 0.1;
/** With fewer moments than this, what grows may as well be Node that warms up. */
const FEWEST_FOR_RSS = 6;

/**
 * Looks at the moments in which all guests had left: what the house has then is to stay as it is.
 *
 * @returns what does not, as sentences.
 */
export function growthIn(evenings: readonly Sample[]): readonly string[] {
  const last = evenings.at(-1);
  const first = evenings.slice(0, Math.ceil(evenings.length / 2));
  if (last === undefined || evenings.length < 2) return ['was never without guests twice'];
  const highest = (key: 'rss' | 'mappings' | 'descriptors') =>
    Math.max(...first.map((sample) => sample[key]));
  const growth: string[] = [];
  for (const key of ['mappings', 'descriptors'] as const) {
    if (last[key] > highest(key)) growth.push(`${key} grow from ${highest(key)} to ${last[key]}`);
  }
  const isLong = evenings.length >= FEWEST_FOR_RSS;
  if (isLong && last.rss > highest('rss') * (1 + SLACK_SHARE) + SLACK_BYTES) {
    growth.push(`resident memory grows from ${highest('rss')} to ${last.rss} bytes`);
  }
  return growth;
}
