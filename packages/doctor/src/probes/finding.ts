import type { Observer, Sight } from './observer.js';
import type { Finding } from './probe.js';
import { AFTER, BEFORE, type TestedPages } from './source.js';

/** What it means that the observer sees `sight` where the page that set out was changed since. */
export function findingOf(observer: Observer, sight: Sight): Finding {
  if (sight.value !== AFTER && sight.value !== BEFORE) {
    throw new Error(`${observer.name} saw ${sight.value}, which was never written`);
  }
  const changed = sight.value === AFTER;
  const sees = changed ? 'sees' : 'does not see';
  return {
    result: changed ? 'references' : 'copies',
    evidence: `${observer.name} ${sees} a change made after the hop`,
  };
}

/** As {@link findingOf}, for an observer that has the page in its memory: then frames can be compared. */
export function findingWithFrames(observer: Observer, pages: TestedPages, sight: Sight): Finding {
  const { result, evidence } = findingOf(observer, sight);
  const ours = pages.frame();
  const theirs = sight.frame;
  if (ours === undefined || theirs === undefined) return { result, evidence };
  const frames =
    ours === theirs
      ? `both have frame ${hexadecimal(ours)}`
      : `frames ${hexadecimal(ours)} and ${hexadecimal(theirs)}`;
  return { result, evidence: `${evidence}; ${frames}` };
}

const hexadecimal = (frame: number) => `0x${frame.toString(16)}`;
