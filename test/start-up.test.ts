import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const SURROUNDINGS = fileURLToPath(new URL('surroundings/', import.meta.url)); // Where the packages are found.

/** Notes each module that Node loads, on the thread on which it asks for them, and tells the number of ours. */
const COUNT_MODULES = `
  import { register } from 'node:module';
  import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
  const { port1, port2 } = new MessageChannel();
  const hooks = \`
    let port;
    export const initialize = ({ told }) => { port = told; };
    export const load = (url, context, next) => { port.postMessage(url); return next(url, context); };
  \`;
  register('data:text/javascript,' + encodeURIComponent(hooks), {
    data: { told: port2 },
    transferList: [port2],
  });
  const [name] = process.argv.slice(1);
  await import(name);
  const loaded = [];
  for (let told; (told = receiveMessageOnPort(port1)) !== undefined; ) loaded.push(told.message);
  port1.close();
  console.log(JSON.stringify(loaded.filter((url) => url.includes('/packages/'))));
`;

function modulesOf(name: string): readonly string[] {
  const words = ['--input-type=module', '--eval', COUNT_MODULES, name];
  return JSON.parse(execFileSync(process.execPath, words, { cwd: SURROUNDINGS, encoding: 'utf8' }));
}

// Node finds, reads and links each module by itself, which takes a third of a millisecond each.
describe('what a program loads when it starts', () => {
  test.each([
    ['@pageferry/core', 2],
    ['@pageferry/socket', 4],
    ['@pageferry/messages', 4],
    ['@pageferry/streams', 4],
    ['@pageferry/workers', 10],
    // The addon's package is not put together: another tool reads its modules one by one.
    ['@pageferry/shared-mmap', 20],
    ['@pageferry/vmsplice-napi', 20],
  ])('of %s at most %i modules', (name, most) => {
    const modules = modulesOf(name);
    expect(modules).not.toEqual([]);
    expect(modules.length).toBeLessThanOrEqual(most);
  });
});

test('a bundle of a package leads to its sources', () => {
  const bundle = new URL('../packages/shared-mmap/bundle/', import.meta.url);
  const { sources } = JSON.parse(readFileSync(new URL('index.js.map', bundle), 'utf8'));
  expect(sources).toContain('../src/transport.ts');
  for (const source of sources) expect(readFileSync(new URL(source, bundle), 'utf8')).not.toBe('');
});
