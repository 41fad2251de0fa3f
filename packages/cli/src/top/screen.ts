import type { ReadStream, WriteStream } from 'node:tty';

/** Sequences that every terminal of today obeys (ECMA-48, and xterm's for the other screen). */
const OPEN = '\u001b[?1049h\u001b[?25l\u001b[2J';
const CLOSE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const END_OF_LINE = '\u001b[K';
const REST_OF_SCREEN = '\u001b[J';

/** What a key is called that is more than one character. */
const KEYS: Readonly<Record<string, string>> = {
  '\u001b[A': 'up',
  '\u001b[B': 'down',
  '\u001bOA': 'up',
  '\u001bOB': 'down',
  '\u0003': 'q',
  '\u0004': 'q',
  ' ': 'space',
};

/** What a {@link Screen} tells of. */
export interface ScreenEvents {
  /** A key was pressed: a character, or `up`, `down`, `space`. Ctrl-C is `q`. */
  readonly onKey: (key: string) => void;
  /** The terminal has another size. */
  readonly onResize: () => void;
}

/** The whole terminal. It is as it was once this is closed. */
export class Screen {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  #events: ScreenEvents | undefined;
  #shown = '';
  readonly #onData = (data: Buffer): void => {
    const text = data.toString();
    const whole = KEYS[text];
    // Whoever types fast has several come at once.
    for (const key of whole === undefined ? text : [whole]) this.#events?.onKey(KEYS[key] ?? key);
  };
  readonly #onResize = (): void => {
    this.#shown = '';
    this.#events?.onResize();
  };

  readonly #onExit = (): void => this.close();

  constructor(input: ReadStream, output: WriteStream) {
    this.#input = input;
    this.#output = output;
  }

  /** How wide it is: 80 columns where that is not known. */
  get columns(): number {
    return this.#output.columns || 80;
  }

  /** How high it is: 24 lines where that is not known. */
  get rows(): number {
    return this.#output.rows || 24;
  }

  /** Takes the terminal over. */
  open(events: ScreenEvents): void {
    this.#events = events;
    this.#output.write(OPEN);
    this.#output.on('resize', this.#onResize);
    this.#input.setRawMode(true);
    this.#input.on('data', this.#onData);
    // However the process ends, its terminal is the user's again.
    process.on('exit', this.#onExit);
  }

  /**
   * Shows these lines. They are written over those that are there, in one piece: a screen that is emptied first would
   * flicker.
   */
  draw(lines: readonly string[]): void {
    const body = lines
      .slice(0, this.rows)
      .map((line) => line + END_OF_LINE)
      .join('\r\n');
    if (body === this.#shown) return;
    this.#shown = body;
    this.#output.write(`${HOME}${body}${REST_OF_SCREEN}`);
  }

  /** Gives the terminal back. */
  close(): void {
    this.#events = undefined;
    process.off('exit', this.#onExit);
    this.#input.off('data', this.#onData);
    this.#output.off('resize', this.#onResize);
    this.#input.setRawMode(false);
    this.#input.pause();
    this.#output.write(CLOSE);
  }
}
