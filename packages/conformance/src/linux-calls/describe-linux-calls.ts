import { afterAll, describe } from 'vitest';
import { describeAliases } from './aliases.js';
import { describeArguments } from './arguments.js';
import { describeBarriers } from './barriers.js';
import { describeCopying } from './copying.js';
import { describeDescriptors } from './descriptors.js';
import { describeEventLoop } from './event-loop.js';
import { describeExplanations } from './explanations.js';
import { describeInputOutput } from './input-output.js';
import { describeInterrupts } from './interrupts.js';
import { describeLeftovers, useBaseline } from './leftovers.js';
import { describeLifetime } from './lifetime.js';
import { describeMappings } from './mappings.js';
import { describeMemoryFiles } from './memory-files.js';
import { describeMessages } from './messages.js';
import { describePipes } from './pipes.js';
import { describePolling } from './polling.js';
import { describeProcesses } from './processes.js';
import type { LinuxCallsRegistration, SuiteContext } from './registration.js';
import { describeSockets } from './sockets.js';
import { describeSplicing } from './splicing.js';
import { Peer } from './support/peer.js';
import { describeThreadAliases } from './thread-aliases.js';
import { describeThreads } from './threads.js';
import { describeWatchers } from './watchers.js';
import { describeWatching } from './watching.js';

/** A test starts a process or two; a busy machine takes its time for that. */
const TIME_LIMIT = 30_000;

/**
 * Registers the suite that every binding of `LinuxCalls` passes. Call it in a test file of its own:
 * the suite looks for descriptors that are left open, and those of other tests are not its business.
 *
 * @example
 * describeLinuxCalls({
 *   name: '@pageferry/linux-napi',
 *   load: loadLinuxCalls,
 *   moduleUrl: import.meta.resolve('@pageferry/linux-napi'),
 * });
 */
export function describeLinuxCalls(registration: LinuxCallsRegistration): void {
  const { name, load, moduleUrl, collectsMappings = true, explainsWrites = true } = registration;
  const { sharesWithThreads = false } = registration;
  const abilities = { collectsMappings, explainsWrites, sharesWithThreads };
  const context: SuiteContext = { calls: load(), moduleUrl, ...abilities };

  describe(name, { timeout: TIME_LIMIT }, () => {
    const baseline = useBaseline(context);
    afterAll(() => Peer.killAll());
    describeArguments(context);
    describePipes(context);
    describeSplicing(context);
    describeInputOutput(context);
    describePolling(context);
    describeDescriptors(context);
    describeMemoryFiles(context);
    describeMappings(context);
    describeCopying(context);
    describeAliases(context);
    describeThreadAliases(context);
    describeExplanations(context);
    describeSockets(context);
    describeMessages(context);
    describeWatching(context);
    describeWatchers(context);
    describeProcesses(context);
    describeBarriers(context);
    describeEventLoop(context);
    describeThreads(context);
    describeInterrupts(context);
    describeLifetime(context);
    describeLeftovers(context, baseline);
  });
}
