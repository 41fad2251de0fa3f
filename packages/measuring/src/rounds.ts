/** A subject whose turn it is. */
export interface Turn<Subject> {
  readonly subject: Subject;
  /** Counts from 0. */
  readonly round: number;
}

/**
 * Every subject's turns, once a round, so that a slow spell of the machine hits all alike.
 *
 * @param groupOf subjects with the same group are compared with each other. They follow each other, and
 * each round begins with another one of them. By default all keep the order in which they are given.
 */
export function* turns<Subject>(
  subjects: readonly Subject[],
  rounds: number,
  groupOf?: (subject: Subject) => unknown,
): Generator<Turn<Subject>> {
  for (let round = 0; round < rounds; round++) {
    for (const subject of groupOf ? inTurn(subjects, round, groupOf) : subjects) {
      yield { subject, round };
    }
  }
}

/** Group by group; within a group, each round begins with another subject. */
function inTurn<Subject>(
  subjects: readonly Subject[],
  round: number,
  groupOf: (subject: Subject) => unknown,
): Subject[] {
  const groups = new Set(subjects.map(groupOf));
  return [...groups].flatMap((group) => {
    const own = subjects.filter((subject) => groupOf(subject) === group);
    const first = round % own.length;
    return [...own.slice(first), ...own.slice(0, first)];
  });
}

/**
 * Measures every subject once a round.
 *
 * @param measure gets the round as people count it: `round 1 of 3`.
 * @param begin is called with that at the beginning of each round.
 * @returns what was measured, by subject, in the order of the rounds.
 * @throws what `measure` rejects with: the rest is not measured then.
 */
export async function measureRounds<Subject, Trial>(
  subjects: readonly Subject[],
  rounds: number,
  measure: (subject: Subject, round: string) => Promise<Trial>,
  begin: (round: string) => void = () => {},
): Promise<Map<Subject, Trial[]>> {
  const trials = new Map<Subject, Trial[]>(subjects.map((subject) => [subject, []]));
  for (const { subject, round } of turns(subjects, rounds)) {
    const name = `round ${round + 1} of ${rounds}`;
    if (subject === subjects[0]) begin(name);
    trials.get(subject)?.push(await measure(subject, name));
  }
  return trials;
}
