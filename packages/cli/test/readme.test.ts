import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@pageferry/testkit';
import { expect, test, vi } from 'vitest';
import { COMMANDS } from '../dist/command/commands.js';
import { Running, run } from './support/run.js';

vi.setConfig({ testTimeout: 60_000 });

const folder = temporaryFolder();
const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

/** The lines of the example, each command with what it prints. */
function example(): {
  readonly args: string[];
  readonly input: string;
  readonly output: string[];
}[] {
  const [, block = ''] = /```console\n(.*?)```/s.exec(README) ?? [];
  return block
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [line = '', ...output] = part.trimEnd().split('\n');
      const [words = '', input = ''] = line.replace(/ &$/, '').split(' < ');
      return { args: words.split(' ').slice(1), input, output };
    });
}

test('the example does what is printed there', async () => {
  const runtimeFolder = folder.fresh();
  mkdirSync(runtimeFolder);
  const at = (name: string) => join(runtimeFolder, name);
  const texts: Readonly<Record<string, string>> = {
    'greetings.txt': 'hello\ngood morning\nand good night\n',
  };
  const begin = ({ args, input }: { args: string[]; input: string }) =>
    new Running(
      args.map((word) => (word.endsWith('.mcap') ? at(word) : word)),
      { runtimeFolder, input: texts[input] ?? '' },
    );
  const [sending, listing, recording, replaying, receiving] = example();
  if (!sending || !listing || !recording || !replaying || !receiving) throw new Error('no example');
  writeFileSync(at('greetings.txt'), texts['greetings.txt'] as string);
  const sender = begin(sending);
  // The sender takes a moment to begin.
  let shown: string[] = [];
  while (shown.length < 2) {
    const { stdout } = await run(listing.args, { runtimeFolder });
    shown = stdout.trimEnd().split('\n');
  }
  expect(shown[0]).toBe(listing.output[0]);
  // All but whose it is.
  expect(shown[1]?.slice(0, 65)).toBe(listing.output[1]?.slice(0, 65));
  const ended = await begin(recording).ended();
  expect(ended.status).toBe(0);
  expect(ended.stderr.replace(`${runtimeFolder}/`, '').trimEnd()).toBe(recording.output.join('\n'));
  expect((await sender.ended()).status).toBe(0);
  const replay = begin(replaying);
  const receiver = begin(receiving);
  for (const line of receiving.output) expect(await receiver.line()).toBe(line);
  expect(await receiver.line()).toBeUndefined();
  expect((await receiver.ended()).status).toBe(0);
  expect((await replay.ended()).status).toBe(0);
});

test('every command is in the table', () => {
  for (const { name } of COMMANDS) expect(README).toMatch(new RegExp(`^\\| .*\`${name} ?`, 'm'));
});
