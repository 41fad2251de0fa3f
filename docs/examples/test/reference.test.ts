import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const ROOT = new URL('../../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');

/** The members that an interface of the contract declares itself. */
function membersOf(file: string, name: string): string[] {
  const [, body = ''] =
    new RegExp(`export interface ${name}\\b[^{]*\\{\\n(.*?)\\n\\}`, 's').exec(
      read(`packages/core/src/contract/${file}`),
    ) ?? [];
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)[?(:]/gm)].map(([, member = '']) => member);
}

/** What a table of a page names in its first column. */
function named(heading: string, page: string): string[] {
  const [, table = ''] =
    new RegExp(`^\\| ${heading} .*\\n((?:\\|.*\\n)+)`, 'm').exec(read(page)) ?? [];
  return table
    .split('\n')
    .flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`(\w+)(?:\(.*?\))?`/g)])
    .map(([, name = '']) => name);
}

test.for([
  { file: 'transport.ts', name: 'Transport', heading: 'of a transport' },
  { file: 'sender.ts', name: 'Sender', heading: 'of a sender' },
  { file: 'sender.ts', name: 'Loan', heading: 'of a loan' },
  { file: 'receiver.ts', name: 'Receiver', heading: 'of a receiver' },
  { file: 'receiver.ts', name: 'Delivery', heading: 'of a delivery' },
  { file: 'channel.ts', name: 'Channel', heading: 'of a channel' },
  { file: 'channel.ts', name: 'ChannelDelivery', heading: "of a channel's delivery" },
  { file: 'channel.ts', name: 'PendingRequest', heading: 'of a pending request' },
  { file: 'channel.ts', name: 'Listener', heading: 'of a listener' },
  { file: 'any-channel.ts', name: 'AnyChannel', heading: 'of any channel' },
])('the transfer contract names every member of $name, and no other', ({ file, name, heading }) => {
  const members = membersOf(file, name);
  expect(members.length).toBeGreaterThan(2);
  const own = heading === 'of a receiver' ? ['receiveSync'] : []; // Of the shared memory alone.
  expect(named(heading, 'docs/transfer-contract.md').toSorted()).toEqual(
    [...members, ...own].toSorted(),
  );
});

test.for([
  { file: 'piped-program.ts', name: 'PipedProgram', heading: 'of a program' },
  { file: 'pipe-writer.ts', name: 'PipeWriter', heading: "of a pipe's writer" },
  { file: 'pipe-reader.ts', name: 'PipeReader', heading: "of a pipe's reader" },
  { file: 'pipe-reader.ts', name: 'PipeChunk', heading: 'of a chunk' },
])('the page on pipes names every member of $name, and no other', ({ file, name, heading }) => {
  const members = membersOf(file, name);
  expect(members.length).toBeGreaterThan(3);
  expect(named(heading, 'packages/vmsplice-napi/README.md').toSorted()).toEqual(members.toSorted());
});
