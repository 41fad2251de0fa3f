import { constants } from 'node:os';
import { JetStreamApiError } from '@nats-io/jetstream';
import { errors, type NodeConnectionOptions } from '@nats-io/transport-node';
import { errnoName, isPageferryError, PageferryError } from '@pageferry/core';

/** Numbers that the servers give their errors; see the constant `JS…` of the server's `errors.json`. */
export const API_ERROR = {
  /** Subjects overlap with an existing stream. */
  subjectOverlap: 10065,
  /** The stream has as many consumers as it may. */
  maximumConsumers: 10026,
  streamNotFound: 10059,
  consumerNotFound: 10014,
  /** `maximum bytes exceeded`, and whatever else keeps a stream from storing a message. */
  storeFailed: 10077,
  insufficientResources: 10023,
  storageExceeded: 10047,
  memoryExceeded: 10028,
  noMessage: 10037,
  wrongLastSequence: 10071,
} as const;

/** What Node calls the reasons not to believe a server's certificate. */
const CERTIFICATE_REFUSED =
  /^(CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH|ERR_TLS_CERT)/;

/** The number of an error that the servers' API has answered; `undefined` for any other error. */
export function apiCode(error: unknown): number | undefined {
  return error instanceof JetStreamApiError ? error.code : undefined;
}

/** True if the servers say that there is no such stream or consumer. */
export function isNotFound(error: unknown): boolean {
  const code = apiCode(error);
  return code === API_ERROR.streamNotFound || code === API_ERROR.consumerNotFound;
}

/** True for what may pass by itself: nobody has answered, in time or at all. */
export function mayPass(error: unknown): boolean {
  const status = error instanceof JetStreamApiError ? error.status : undefined;
  return (
    status === 503 ||
    error instanceof errors.TimeoutError ||
    error instanceof errors.NoRespondersError ||
    error instanceof errors.RequestError
  );
}

/** An error of the client or of the servers, in the words of the contract. */
export function engineError(error: unknown): PageferryError {
  if (isPageferryError(error)) return error;
  const details = { cause: error };
  const message = error instanceof Error ? error.message : String(error);
  const code = errnoNameOf(error);
  if (code !== undefined) {
    const errno = constants.errno[code as keyof typeof constants.errno];
    const name = errno === undefined ? code : errnoName(errno);
    return new PageferryError('SYSTEM_CALL_FAILED', `no connection to a NATS server: ${message}`, {
      ...details,
      syscall: 'connect',
      errnoName: name,
      ...(errno === undefined ? {} : { errno }),
    });
  }
  if (
    error instanceof errors.AuthorizationError ||
    error instanceof errors.PermissionViolationError
  ) {
    return new PageferryError('ENDPOINT_FORBIDDEN', `the NATS server refuses: ${message}`, details);
  }
  // The client does not export its class.
  if (error instanceof Error && error.name === 'JetStreamNotEnabled') {
    const words =
      'this NATS server has no JetStream: start it with -js, or enable it for the account';
    return new PageferryError('NOT_SUPPORTED', words, details);
  }
  if (error instanceof errors.InvalidArgumentError) {
    return new PageferryError('INVALID_ARGUMENT', message, details);
  }
  return new PageferryError('SYSTEM_CALL_FAILED', `the NATS server or its client: ${message}`, {
    ...details,
    syscall: 'nats',
  });
}

/** Why a connection did not come about, in the words of the contract. */
export function connectError(
  error: unknown,
  { timeout, tls }: NodeConnectionOptions,
): PageferryError {
  const details = { cause: error };
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (typeof code === 'string' && CERTIFICATE_REFUSED.test(code)) {
    const words = `this process does not trust the NATS server: ${(error as Error).message} (tls: { caFile })`;
    return new PageferryError('ENDPOINT_FORBIDDEN', words, details);
  }
  if (error instanceof errors.TimeoutError) {
    // TLS 1.3 lets a client in before its certificate was looked at, and the NATS client waits on after that.
    const certificate = tls
      ? '; one that does not take the certificate of this process (tls: { certFile, keyFile }), or misses one, does so, too'
      : '';
    const words = `no NATS server has let this process in within ${timeout} ms${certificate}`;
    const errno = constants.errno.ETIMEDOUT;
    const failed = { syscall: 'connect', errno, errnoName: 'ETIMEDOUT' };
    return new PageferryError('SYSTEM_CALL_FAILED', words, { ...details, ...failed });
  }
  return engineError(error);
}

/** Why a connection that there was will not come back. */
export function connectionClosed(reason: Error): PageferryError {
  const { code, message, cause, ...details } = engineError(reason);
  return new PageferryError(code, `the connection to the NATS servers is over: ${message}`, {
    ...details,
    cause,
  });
}

/** What Node says has failed, of an error or of what is behind it. */
function errnoNameOf(error: unknown): string | undefined {
  for (let each = error; each instanceof Error; each = each.cause) {
    const { code } = each as NodeJS.ErrnoException;
    if (typeof code === 'string' && /^E[A-Z0-9]+$/.test(code)) return code;
    if (each instanceof AggregateError) return errnoNameOf(each.errors[0]);
  }
  return undefined;
}
