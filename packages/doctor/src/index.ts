/**
 * `@pageferry/doctor`: finds out what works and what really copies on this very kernel, and opens the
 * best transport there is.
 *
 * Programs want {@link openBestSender} and {@link openBestReceiver}, or {@link openBestListener} and
 * {@link connectBest}; people run `pageferry-doctor`.
 *
 * @packageDocumentation
 */
export type { BindingName } from '@pageferry/linux';
export type { BackendReport } from './backends/judge-backend.js';
export type { BindingReport } from './bindings/bindings.js';
export type { SystemCapabilities } from './capabilities/capabilities.js';
export {
  type ChoiceOptions,
  chooseTransport,
  type TransportChoice,
} from './choice/choose-transport.js';
export {
  type BestReceiver,
  type BestSender,
  openBestReceiver,
  openBestSender,
} from './choice/open-best.js';
export {
  type BestChannel,
  type BestListener,
  connectBest,
  openBestListener,
} from './choice/open-best-channel.js';
export { examine, hasZeroCopy, type Report } from './examine.js';
export { type MemoryUse, memoryOf, type ProcessMemory } from './memory/memory-of.js';
export type { Finding, HopName, Probe, ProbeResult } from './probes/probe.js';
export { type ProbeOptions, probeHops } from './probes/probe-hops.js';
export type { Advice } from './verdict/advice.js';
