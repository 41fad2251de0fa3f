/** What every benchmark peer gets on its command line. */
export interface PeerTask {
  readonly endpoint: string;
  readonly discard: boolean;
  readonly messageBytes: number;
  /** Messages that are measured. */
  readonly count: number;
  /** Messages before them. */
  readonly warmUp: number;
  /** Name of the backend, for the peers of the framed API. */
  readonly backendName: string;
}

/** Where the peers of the bare loop find their end of the pipe. */
export const PIPE_FD = 4;

/** Reads the command line of a benchmark peer. */
export function peerTask(): PeerTask {
  const [endpoint = '', path, messageBytes, totalBytes, warmUpBytes, backendName = ''] =
    process.argv.slice(2);
  return {
    endpoint,
    discard: path === 'discard',
    messageBytes: Number(messageBytes),
    count: Math.floor(Number(totalBytes) / Number(messageBytes)),
    warmUp: Math.floor(Number(warmUpBytes) / Number(messageBytes)),
    backendName,
  };
}

/** Tells the process that started this one when its part of the clock begins or ends. */
export function reportTime(): void {
  process.send?.({ at: `${process.hrtime.bigint()}` });
}
