/** The time that one process was at work, and the CPU time it took. */
export interface Span {
  /** Seconds of the machine's monotonic clock, which all processes share. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** User and system time in between, of all threads of this process. */
  readonly cpuSeconds: number;
}

/** Starts a span. The function that is returned ends it. */
export function startSpan(): () => Span {
  const startedAt = now();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return { startedAt, endedAt: now(), cpuSeconds: (user + system) / 1e6 };
  };
}

function now(): number {
  return Number(process.hrtime.bigint()) / 1e9;
}
