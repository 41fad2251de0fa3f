import type { Case } from '../plan/cases.js';
import { runTrial } from '../trials/run-trial.js';
import type { ChannelReference, TrialReport } from '../trials/task.js';
import type { Failure, Subject, SubjectKind, Surroundings, Timing } from './subject.js';

/** What has to be said about a subject that is a channel between Node processes. */
export interface ChannelSubject {
  readonly name: string;
  readonly kind: SubjectKind;
  readonly description: string;
  readonly channel: ChannelReference;
  /** URL of the module for `request`, with the exports of `RequestModule`. Without one it has no part there. */
  readonly requests?: string;
  readonly takesPart: (each: Case) => boolean;
  /** Rejects where the channel cannot work in a case. Nothing to check by default. */
  readonly load?: (each: Case) => Promise<unknown>;
}

const NOTHING = { warmUpMilliseconds: 0, measureMilliseconds: 0 };

/** A subject whose trials are fresh Node processes. */
export function channelSubject({ channel, requests, load, ...about }: ChannelSubject): Subject {
  const moduleFor = ({ scenario }: Case) => (scenario === 'request' ? requests : channel.module);
  const trial = (each: Case, timing: Timing, verify: boolean, { folder, signal }: Surroundings) => {
    const used = { ...channel, module: moduleFor(each) as string }; // It takes part.
    return runTrial({ ...each, ...timing, channel: used, verify }, folder, signal);
  };
  return {
    ...about,
    settings: channel.settings,
    takesPart: (each) => moduleFor(each) !== undefined && about.takesPart(each),
    async prepare(each) {
      try {
        await load?.(each);
        return undefined;
      } catch (error) {
        const [reason = ''] = (error as Error).message.split('\n');
        return { kind: 'unavailable', reason };
      }
    },
    async verify(each, surroundings): Promise<Failure | undefined> {
      const report = await trial(each, NOTHING, true, surroundings);
      return report.kind === 'verified' ? undefined : failureOf(report);
    },
    async measure(each, timing, surroundings): Promise<TrialReport | Failure> {
      const report = await trial(each, timing, false, surroundings);
      return report.kind === 'measured' ? report.trial : failureOf(report);
    },
  };
}

/** What a backend says that cannot work here at all. */
const UNAVAILABLE = /^(BINDING_UNAVAILABLE|NOT_SUPPORTED)/;

function failureOf(report: { kind: string; reason?: string }): Failure {
  const reason = report.reason ?? 'an answer to another question';
  if (UNAVAILABLE.test(reason)) return { kind: 'unavailable', reason };
  return { kind: report.kind === 'spoiled' ? 'spoiled' : 'failed', reason };
}
