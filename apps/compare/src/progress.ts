import { SingleBar } from 'cli-progress';

/** How much there is to do: payload checks, and trials that are measured. */
export interface Amount {
  readonly checks: number;
  readonly trials: number;
}

/** What a run says while it runs. Always on stderr: stdout is for the results. */
export interface Progress {
  /** A line for people. */
  note(line: string): void;
  start(amount: Amount): void;
  /** One more is done, and took so many milliseconds. */
  done(what: keyof Amount, milliseconds: number, label: string): void;
  stop(): void;
}

/** A bar on a terminal, a line now and then elsewhere. */
export function createProgress(): Progress {
  const bar = process.stderr.isTTY ? createBar() : createLines();
  const clock = new Clock();
  return {
    note: (line) => bar.note(line),
    start(amount) {
      clock.start(amount);
      bar.start();
    },
    done(what, milliseconds, label) {
      clock.done(what, milliseconds);
      bar.update(clock.share, `${timeLeft(clock.secondsLeft)} left`, label);
    },
    stop: () => bar.stop(),
  };
}

/** Estimates from what is done how long the rest takes; checks and trials apart. */
class Clock {
  #amount: Amount = { checks: 0, trials: 0 };
  readonly #done = { checks: 0, trials: 0 };
  /** A guess until the first of a kind is done. */
  readonly #mean = { checks: 150, trials: 400 };

  start(amount: Amount): void {
    this.#amount = amount;
  }

  done(what: keyof Amount, milliseconds: number): void {
    const count = ++this.#done[what];
    this.#mean[what] += (milliseconds - this.#mean[what]) / Math.min(count, 50);
  }

  get share(): number {
    const done = this.#cost(this.#done);
    return done / Math.max(1, this.#cost(this.#amount));
  }

  get secondsLeft(): number {
    return (this.#cost(this.#amount) - this.#cost(this.#done)) / 1000;
  }

  /** Two checks go on at the same time. */
  #cost({ checks, trials }: Amount): number {
    return (checks * this.#mean.checks) / 2 + trials * this.#mean.trials;
  }
}

/** `3 min`, `40 s`: as exact as an estimate is. */
function timeLeft(seconds: number): string {
  if (seconds >= 90) return `about ${Math.round(seconds / 60)} min`;
  return `about ${Math.ceil(seconds / 5) * 5} s`;
}

interface Display {
  note(line: string): void;
  start(): void;
  update(share: number, left: string, label: string): void;
  stop(): void;
}

function createBar(): Display {
  const bar = new SingleBar({
    format: '{bar} {percentage}%  {left}  {label}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false, // `stop` is called on every way out.
    stream: process.stderr,
  });
  return {
    note: (line) => console.error(line),
    start: () => bar.start(1000, 0, { left: '', label: '' }),
    update: (share, left, label) => bar.update(Math.floor(share * 1000), { left, label }),
    stop: () => bar.stop(),
  };
}

const BETWEEN_LINES = 5000;

function createLines(): Display {
  let last = performance.now();
  return {
    note: (line) => console.error(line),
    start() {},
    update(share, left, label) {
      if (performance.now() - last < BETWEEN_LINES) return;
      last = performance.now();
      console.error(`${Math.floor(share * 100)} %, ${left} (${label})`);
    },
    stop() {},
  };
}
