import { describe } from 'vitest';
import { describeAborts } from './cases/aborts.js';
import { describeArguments } from './cases/arguments.js';
import { describeBytes } from './cases/bytes.js';
import { describeEndings } from './cases/endings.js';
import { describeEventLoop } from './cases/event-loop.js';
import { describeOutcomes } from './cases/outcomes.js';
import { describeReading } from './cases/reading.js';
import { describeSpawning } from './cases/spawning.js';
import { describeSplicing } from './cases/splicing.js';
import type { PipeProgramsRegistration } from './registration.js';

/** A test starts a process or two; a busy machine takes its time for that. */
const TIME_LIMIT = 30_000;

/**
 * Registers the suite for what writes into the pipes of foreign programs and reads out of them: against
 * `cat`, `sha256sum`, `head`, `dd` and a shell, as real processes. Call it in a test file of its own: the
 * suite looks for descriptors that are left open, and those of other tests are not its business.
 *
 * @example
 * import * as backend from '@pageferry/vmsplice-napi';
 *
 * describePipePrograms({
 *   ...backend,
 *   name: '@pageferry/vmsplice-napi',
 *   moduleUrl: import.meta.resolve('@pageferry/vmsplice-napi'),
 * });
 */
export function describePipePrograms(registration: PipeProgramsRegistration): void {
  describe(`pipes of programs, ${registration.name}`, { timeout: TIME_LIMIT }, () => {
    describeBytes(registration);
    describeOutcomes(registration);
    describeAborts(registration);
    describeReading(registration);
    describeSplicing(registration);
    describeEndings(registration);
    describeSpawning(registration);
    describeEventLoop(registration);
    describeArguments(registration);
  });
}
