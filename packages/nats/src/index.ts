/**
 * `@pageferry/nats`: Pageferry's contract between hosts, over NATS with JetStream.
 *
 * Messages go through servers that people run already. It copies every byte. Who is there, who is behind, how much is
 * kept and what happens when a server dies is what the engine says of its streams and consumers.
 *
 * @packageDocumentation
 */
import {
  type InPlaceSender,
  noChannels,
  noSenderAt,
  type Transport,
  withDeadline,
} from '@pageferry/core';
import { capabilities } from './capabilities.js';
import {
  checkReceiverOptions,
  checkRequestOptions,
  checkSenderOptions,
  checkTransportOptions,
  type NatsReceiverOptions,
  type NatsRequestOptions,
  type NatsResponderOptions,
  type NatsSenderOptions,
  type NatsTransportOptions,
} from './options.js';
import { NatsReceiver, type NatsReceiverStats } from './receiving/nats-receiver.js';
import { createRequester, type NatsRequester } from './requests/requester.js';
import { createResponder, type NatsResponder } from './requests/responder.js';
import { NatsSender, type NatsSenderStats } from './sending/nats-sender.js';

// The client's own, for the option `authenticator`.
export { jwtAuthenticator, nkeyAuthenticator } from '@nats-io/transport-node';
export * from '@pageferry/core/contract';
export type { EngineOptions } from './engine/engine.js';
export type {
  BehindPolicy,
  NatsReceiverOptions,
  NatsRequestOptions,
  NatsResponderOptions,
  NatsSenderOptions,
  NatsTransportOptions,
} from './options.js';
export type { NatsReceiverInfo } from './sending/subscriber.js';
export type { NatsReceiverStats, NatsRequester, NatsResponder, NatsSenderStats };

/**
 * A transport over NATS, and what it has beside the contract: senders that can also send what is not memory of their own, and
 * questions that one of several processes answers.
 */
export interface NatsTransport extends Transport<NatsSenderOptions, NatsReceiverOptions> {
  createSender(options: NatsSenderOptions): Promise<InPlaceSender>;
  /**
   * Makes a requester: each of its questions is answered by one of the responders at the endpoint. It needs no JetStream,
   * and nobody need be there yet.
   *
   * @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`, `ENDPOINT_TOO_LONG`, `ENDPOINT_FORBIDDEN`, `SYSTEM_CALL_FAILED`, `ABORTED`,
   *   `TIMEOUT`.
   */
  createRequester(options: NatsRequestOptions): Promise<NatsRequester>;
  /**
   * Makes a responder: one of those that share the questions of the endpoint out.
   *
   * @throws as {@link createRequester}.
   */
  createResponder(options: NatsResponderOptions): Promise<NatsResponder>;
}

/**
 * A transport over the NATS servers that `options` name. Each sender and each receiver has a connection of its own.
 *
 * What is particular to it:
 *
 * - The endpoint is `nats:SUBJECT`. Who may use it is for the servers to say; `allow` is `NOT_SUPPORTED`.
 * - A message longer than `max_payload` of the server travels in pieces.
 * - `Loan.bytes` is not page-aligned. `ReceiverInfo.credentials` is never known.
 * - A death is noticed when the servers have not reached a process for `patience` milliseconds.
 *
 * @throws `INVALID_ARGUMENT`. Nothing is connected yet.
 */
export function natsTransport(options: NatsTransportOptions = {}): NatsTransport {
  const transport = checkTransportOptions(options);
  return {
    ...noChannels,
    name: 'nats',
    capabilities,
    async createSender(given): Promise<InPlaceSender> {
      return NatsSender.create(transport, checkSenderOptions(given));
    },
    async createReceiver(given) {
      const settings = checkReceiverOptions(given);
      return await withDeadline(
        given,
        (signal) => NatsReceiver.create(transport, settings, signal),
        () => noSenderAt(settings.endpoint),
      );
    },
    async createRequester(given) {
      return await createRequester(transport, checkRequestOptions(given), given);
    },
    async createResponder(given) {
      return await createResponder(transport, checkRequestOptions(given, ['maxUnderWay']), given);
    },
  };
}
