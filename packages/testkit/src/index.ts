/**
 * `@pageferry/testkit`: what the tests of several packages share. It knows the contract and the system
 * calls as an interface; a binding, a transport or a connection is handed to it by the test.
 *
 * Some parts have an entry of their own: `/failing-calls`, `/sleeper`, `/nats-server` and `/two-hosts` run in plain programs
 * without vitest, and `/false-bells` loads koffi.
 *
 * @packageDocumentation
 */

export { type ChannelPairs, describeChannelPairs } from './channel-pairs.js';
export { type ChannelFamily, describePipeChannels } from './channels.js';
export { Child } from './child.js';
export {
  afterNextLook,
  type ConnectionPair,
  type Opening,
  openConnectionPair,
} from './connection-pair.js';
export { withCode } from './errors.js';
export { exchange } from './exchange.js';
export type { Family, SocketPair } from './family.js';
export { temporaryFolder } from './folder.js';
export { describeForks } from './forks.js';
export { fuzzRuns } from './fuzz-runs.js';
export { describeInheritance } from './inheritance.js';
export { freePort, hasNatsServer, NatsServer } from './nats-server.js';
export { describeOtherUsers, type OtherUserTask, type SharedEndpoints } from './other-users.js';
export {
  collectGarbage,
  countDescriptors,
  countSharedMappings,
  expectNothingLeft,
} from './process-state.js';
export { expectNoLostWakeUp, RACE_LIMIT } from './race.js';
export { turns } from './turns.js';
export { type Host, type LinkOptions, TwoHosts, whyNoTwoHosts } from './two-hosts.js';
