import { SingleBar } from 'cli-progress';
import { formatBytes } from './units.js';

/** What a command says while it runs. Never on stdout: that may be where the bytes go. */
export interface Progress {
  /** A line for people. */
  note(line: string): void;
  /** The transfer starts. `total` is `undefined` where only the end will tell. */
  start(total: number | undefined): void;
  /** So many bytes have moved since the start. */
  moved(bytes: number): void;
  /** The transfer has ended, well or not. Harmless when none was started. */
  stop(): void;
}

/**
 * A bar on a terminal, plain lines elsewhere.
 *
 * @param label what the line begins with.
 * @param passing true if the bar goes away at the end, because many are to come.
 */
export function createProgress(label: string, { passing = false } = {}): Progress {
  return process.stderr.isTTY ? createBar(label, passing) : createLines(label);
}

function createBar(label: string, passing: boolean): Progress {
  let bar: SingleBar | undefined;
  return {
    note: (line) => console.error(line),
    start(total) {
      const columns = process.stderr.columns || 80;
      const width = Math.max(0, Math.min(BAR_WIDTH, columns - label.length - BESIDE));
      bar = new SingleBar({
        // An unknown total leaves nothing to draw a bar of.
        format: (_options, { progress, value }) => {
          const filled = Math.round(progress * width);
          const drawn = `${'█'.repeat(filled)}${'░'.repeat(width - filled)}`;
          const share = `${Math.floor(progress * 100)}%`.padStart(4);
          const known = total === undefined ? '' : `${drawn} ${share}  `;
          return `${label}  ${known}${formatBytes(value)}`;
        },
        hideCursor: true,
        clearOnComplete: passing,
        gracefulExit: false, // `stop` is called on every way out.
      });
      bar.start(total ?? 0, 0);
    },
    moved: (bytes) => bar?.update(bytes),
    stop: () => bar?.stop(),
  };
}

const BAR_WIDTH = 40;

/** Columns of what stands beside bar and label: blanks, the share and the bytes. */
const BESIDE = 2 + 6 + 2 + 9;
const BETWEEN_LINES = 2000;

/** A line every other second: enough for a log, and none at all for a short transfer. */
function createLines(label: string): Progress {
  let total: number | undefined;
  let last = 0;
  return {
    note: (line) => console.error(line),
    start(expected) {
      total = expected;
      last = Date.now();
    },
    moved(bytes) {
      if (Date.now() - last < BETWEEN_LINES) return;
      last = Date.now();
      const of = total === undefined ? '' : ` of ${formatBytes(total)}`;
      console.error(`${label}  ${formatBytes(bytes)}${of}`);
    },
    stop() {},
  };
}
