import { InvalidArgumentError, Option } from 'commander';
import {
  type AcrossName,
  AUTOMATIC,
  acrossNames,
  type BackendChoice,
  backendNames,
  type Servers,
} from './backends.js';
import { parseTcpAddress } from './destination.js';

/** `--backend`. By default the sender takes the best one, and the receiver what the sender has. */
export const backendOption = () =>
  new Option('--backend <name>', 'what to use; if not auto, the same on both sides')
    .choices([AUTOMATIC, ...backendNames])
    .default(AUTOMATIC);

/** `--backend` of the runner: as many as one likes. */
export const backendsOption = () =>
  new Option('--backend <name...>', 'only this backend; may be repeated (default: all)').choices([
    AUTOMATIC,
    ...backendNames,
  ]);

/** `--across`: between hosts, through servers that both sides reach. */
export const acrossOption = (words = 'go to another host, through servers that both reach') =>
  new Option('--across <name>', words).choices(acrossNames).conflicts('backend');

/** `--servers` of `--across`. */
export const serversOption = (words = 'where they are (default: 127.0.0.1:4222)') =>
  new Option('--servers <host:port,...>', `with --across: ${words}`).argParser((text) => {
    const servers = text.split(',');
    if (servers.every((each) => each !== '')) return servers;
    throw new InvalidArgumentError('Not a list of servers.');
  });

/** What was said of where two processes meet. */
interface Meeting {
  readonly backend: BackendChoice;
  readonly endpoint: string;
  readonly across?: AcrossName | undefined;
  readonly servers?: Servers;
}

/** Has what goes to other hosts be one more backend, whose endpoints begin with its name. */
export function meetingOf<Options extends Meeting>(options: Options): Options {
  const { across, endpoint } = options;
  if (across === undefined) return options;
  const scheme = `${across}:`;
  const isWhole = endpoint.startsWith(scheme);
  return { ...options, backend: across, endpoint: isWhole ? endpoint : scheme + endpoint };
}

/** What is wrong with these options together; `undefined` if nothing is. */
export function complaintOf({ across, servers }: Partial<Meeting>): string | undefined {
  const isIdle = servers !== undefined && across === undefined;
  return isIdle ? 'error: --servers does nothing without --across' : undefined;
}

/** `--endpoint`: where the two processes meet. A name is one for each user. */
export const endpointOption = () =>
  new Option(
    '--endpoint <name>',
    'where the two meet: a name, or the path of a Unix socket',
  ).default('demo');

/** `--timeout`, in milliseconds once parsed. */
export const timeoutOption = () =>
  new Option(
    '--timeout <seconds>',
    'how long to wait for the other side (default: for ever)',
  ).argParser((text) => {
    const milliseconds = Math.ceil(Number(text) * 1000);
    if (text !== '' && milliseconds >= 0 && milliseconds < 2 ** 31) return milliseconds;
    throw new InvalidArgumentError('Not a number of seconds.');
  });

/** `--rounds`. */
export const roundsOption = () =>
  new Option('--rounds <n>', 'how often each backend brings the file across; the median counts')
    .default(3)
    .argParser(positiveInteger);

/** `--listen` of `ask`, which makes the other side of it. */
export const listenOption = () =>
  new Option('--listen', 'be the one that answers, for as many as come').conflicts([
    'times',
    'timeout',
  ]);

/** `--echo` of `ask --listen`. */
export const echoOption = () =>
  new Option('--echo', 'with --listen: answer with the question itself, and print nothing');

/** `--once` of `ask --listen`. */
export const onceOption = () =>
  new Option('--once', 'with --listen: end when the first one that came has left');

/** `--times` of `ask`. */
export const timesOption = () =>
  new Option(
    '--times <n>',
    'ask n questions of its own instead; --echo has to answer, and is checked',
  ).argParser(positiveInteger);

/** `--message-bytes`. Measured: 1 MiB does best by every backend, half or twice as much nearly so. */
export const messageBytesOption = () =>
  new Option('--message-bytes <bytes>', 'send the file in messages of this size, such as 64K or 1M')
    .default(MEBIBYTE, '1M')
    .argParser((text) => {
      const [, digits, unit] = /^(\d+)([KM]?)$/i.exec(text) ?? [];
      const factor = { '': 1, K: KIBIBYTE, M: MEBIBYTE }[unit?.toUpperCase() ?? ''] ?? 1;
      const bytes = Number(digits) * factor;
      if (bytes > 0 && Number.isSafeInteger(bytes)) return bytes;
      throw new InvalidArgumentError('Not a number of bytes. K stands for KiB, M for MiB.');
    });

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;

function positiveInteger(text: string): number {
  if (/^[1-9]\d*$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  throw new InvalidArgumentError('Not a positive integer.');
}

/** `--out`: where the receiver puts the bytes. */
export const outOption = () =>
  new Option(
    '--out <destination>',
    'a file, - for stdout, /dev/null, or tcp://host:port',
  ).argParser((text) => {
    try {
      parseTcpAddress(text);
    } catch (error) {
      throw new InvalidArgumentError((error as Error).message);
    }
    return text;
  });
