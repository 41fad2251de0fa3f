/**
 * `pageferry`: hands memory from one process to another on one Linux host without copying it.
 *
 * The package to begin with. It has the contract; the best transport for the machine it runs on, chosen by itself
 * ({@link openBestSender}, {@link openBestListener} and those who connect to them); and shared memory by name. Other
 * backends have packages of their own, and are found by the choice where they are installed.
 *
 * @packageDocumentation
 */
export * from '@pageferry/core/contract';
export {
  type BestChannel,
  type BestListener,
  type BestReceiver,
  type BestSender,
  type ChoiceOptions,
  chooseTransport,
  connectBest,
  openBestListener,
  openBestReceiver,
  openBestSender,
  type TransportChoice,
} from '@pageferry/doctor';
export {
  channelPair,
  openShared,
  openSocketPair,
  type SharedMmapConnectOptions,
  type SharedMmapListenOptions,
  type SharedMmapReceiver,
  type SharedMmapReceiverOptions,
  type SharedMmapSender,
  type SharedMmapSenderOptions,
  type SharedMmapTransport,
  sharedMmap,
} from '@pageferry/shared-mmap';
