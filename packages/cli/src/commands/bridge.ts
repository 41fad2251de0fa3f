import { type Bridge, type BridgeSource, type BridgeTarget, openBridge } from '@pageferry/bridge';
import {
  type BridgeChange,
  isPageferryError,
  PageferryError,
  type ReceiverOptions,
  type SenderOptions,
} from '@pageferry/core';
import { chooseTransport, openBestReceiver } from '@pageferry/doctor';
import type { NatsTransport } from '@pageferry/nats';
import { sharedMmap } from '@pageferry/shared-mmap';
import { type ParsedArguments, UsageError } from '../command/parse.js';
import { type CommandContext, type Run, STATUS } from '../command/spec.js';

const NATS = 'nats:';

/** `pageferry bridge`. */
export const run: Run = async (parsed, context) => {
  const [from = '', to = ''] = parsed.positionals;
  const isDropping = parsed.has('drop');
  const settings = {
    maxUnderWay: parsed.integer('max-messages', 64, 1),
    maxBytesUnderWay: parsed.integer('max-bytes', 16 * 1024 * 1024, 1),
    whenNobody: parsed.text('nobody') === 'drop' ? ('drop' as const) : ('wait' as const),
    once: parsed.has('once'),
    // Only who gets every message knows what is missing, and only the file of a socket tells senders apart.
    takeOver: to.startsWith(NATS) && !from.startsWith(NATS) && !isDropping,
    signal: context.signal,
    ...(parsed.has('allow') && { allow: (parsed.text('allow') ?? '').split(',') }),
  };
  if (!from.startsWith(NATS) && !to.startsWith(NATS)) {
    throw new UsageError('one end has to be nats:SUBJECT');
  }
  const nats = await natsOf(parsed);
  const bridge: Bridge = openBridge<ReceiverOptions, SenderOptions>({
    ...settings,
    from: sourceOf(from, parsed, nats),
    to: await targetOf(to, parsed, nats),
    onStateChange: (change) => void tell(change, parsed, context),
  });
  try {
    await bridge.closed;
    return STATUS.done;
  } finally {
    await bridge.close();
    await tellCounters(bridge, parsed, context);
  }
};

async function natsOf(parsed: ParsedArguments): Promise<NatsTransport> {
  const servers = parsed.text('servers') ?? process.env['NATS_URL'];
  const credentials = parsed.text('credentials');
  const patience = parsed.integer('patience', 5000, 100, 2 ** 31 - 1);
  let natsTransport: typeof import('@pageferry/nats').natsTransport;
  try {
    ({ natsTransport } = await import('@pageferry/nats'));
  } catch (cause) {
    const words = 'a bridge needs the package @pageferry/nats: npm install @pageferry/nats';
    throw new PageferryError('NOT_SUPPORTED', words, { cause });
  }
  return natsTransport({
    patience,
    ...(servers !== undefined && { servers: servers.split(',') }),
    ...(credentials !== undefined && { credentials }),
  });
}

function sourceOf(
  endpoint: string,
  parsed: ParsedArguments,
  nats: NatsTransport,
): BridgeSource<ReceiverOptions> {
  const options: Partial<ReceiverOptions> & { whenBehind?: 'drop-oldest' } = parsed.has('drop')
    ? { whenBehind: 'drop-oldest' }
    : {};
  if (endpoint.startsWith(NATS)) return { transport: nats, endpoint, options };
  if (parsed.has('drop')) return { transport: sharedMmap, endpoint, options };
  const transport = {
    createReceiver: async (given: ReceiverOptions) =>
      (await openBestReceiver({ ...given, warn: false })).receiver,
  };
  return { transport, endpoint };
}

async function targetOf(
  endpoint: string,
  parsed: ParsedArguments,
  nats: NatsTransport,
): Promise<BridgeTarget<SenderOptions>> {
  if (endpoint.startsWith(NATS)) {
    const streamBytes = parsed.integer('stream-bytes', 256 * 1024 * 1024, 4 * 1024 * 1024);
    const options = { streamBytes } as Partial<SenderOptions>;
    return { transport: nats, endpoint, options };
  }
  const wanted = parsed.text('transport');
  const prefer = wanted === undefined ? {} : { prefer: [wanted] };
  const { transport } = await chooseTransport({ ...prefer, warn: false });
  return { transport, endpoint };
}

async function tell(
  change: BridgeChange,
  parsed: ParsedArguments,
  { say, write }: CommandContext,
): Promise<void> {
  const { state, from, to, reason, milliseconds } = change;
  const why = reason instanceof Error ? reason.message : undefined;
  const code = isPageferryError(reason) ? reason.code : undefined;
  if (parsed.has('json')) {
    const pause = milliseconds === undefined ? {} : { milliseconds };
    const words = why === undefined ? {} : { code, reason: why };
    await write(`${JSON.stringify({ type: 'state', state, from, to, ...words, ...pause })}\n`);
  } else if (state === 'connecting') say(`waits for ${from}`);
  else if (state === 'bridging') say(`carries ${from} to ${to}`);
  else if (state === 'pausing') say(`${why}: tries again in ${milliseconds} ms`);
}

async function tellCounters(
  bridge: Bridge,
  parsed: ParsedArguments,
  { say, write }: CommandContext,
): Promise<void> {
  const { lastFailure: _, state: __, ...counters } = bridge.stats();
  if (parsed.has('json')) {
    await write(`${JSON.stringify({ type: 'counters', ...counters })}\n`);
    return;
  }
  const { messagesBridged, messagesDropped, messagesMissed } = counters;
  const lost = messagesDropped + messagesMissed;
  say(`${messagesBridged} messages carried${lost === 0 ? '' : `, ${lost} dropped`}`);
}
