import { pauseFor } from '@pageferry/core';
import type { ParsedArguments } from '../command/parse.js';
import { type CommandContext, type Run, STATUS } from '../command/spec.js';
import { findEndpoints } from '../look/endpoints.js';
import { History } from '../look/history.js';
import { toJson } from '../look/json.js';
import { type Look, Looker } from '../look/look.js';
import { headOf } from '../text/table.js';
import { Screen } from '../top/screen.js';
import { View } from '../top/view.js';
import { COLUMNS, toRow } from './list.js';

/** `pageferry top`. */
export const run: Run = async (parsed, context) => {
  const isLive = process.stdout.isTTY && process.stdin.isTTY && !parsed.has('json');
  try {
    await (isLive ? showLive(parsed, context) : showLines(parsed, context));
  } catch (error) {
    if (!context.signal.aborted) throw error;
  }
  return STATUS.done;
};

/** One look after the other, the first of which has no rates and is not told. */
async function* looks(parsed: ParsedArguments, signal: AbortSignal): AsyncGenerator<Look[]> {
  const interval = parsed.number('interval', 1000, 20);
  const looker = new Looker(Math.max(interval, 500));
  const look = () => looker.look(findEndpoints(parsed.positionals), signal);
  const count = parsed.integer('count', Number.MAX_SAFE_INTEGER, 1);
  await look();
  for (let number = 0; number < count && !signal.aborted; number++) {
    await pauseFor(interval, signal);
    // Files that somebody has left behind are of no interest.
    const seen = await look();
    yield seen.filter(({ state }) => state !== 'closed');
  }
}

async function showLines(
  parsed: ParsedArguments,
  { signal, write }: CommandContext,
): Promise<void> {
  const isJson = parsed.has('json');
  let isFirst = true;
  for await (const seen of looks(parsed, signal)) {
    if (isJson) {
      await write(`${JSON.stringify(seen.map(toJson))}\n`);
      continue;
    }
    const head = isFirst ? [headOf(COLUMNS)] : [];
    isFirst = false;
    await write([...head, ...seen.map(toRow), ''].join('\n'));
  }
}

async function showLive(parsed: ParsedArguments, context: CommandContext): Promise<void> {
  const ending = new AbortController();
  const signal = AbortSignal.any([context.signal, ending.signal]);
  const view = new View(new History());
  const screen = new Screen(process.stdin, process.stdout);
  const draw = () => screen.draw(view.lines(screen.columns, screen.rows));
  screen.open({
    onKey: (key) => {
      if (view.press(key)) draw();
      else ending.abort();
    },
    onResize: draw,
  });
  try {
    draw();
    for await (const seen of looks(parsed, signal)) {
      view.update(seen);
      draw();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    screen.close();
  }
}
