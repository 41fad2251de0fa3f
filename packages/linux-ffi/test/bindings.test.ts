import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { LinuxCalls } from '@pageferry/linux';
import { loadLinuxCalls as loadFfi } from '@pageferry/linux-ffi';
import { loadLinuxCalls as loadNapi } from '@pageferry/linux-napi';
import { describe, expect, test } from 'vitest';

const require = createRequire(import.meta.url);

/** The methods that the published declaration of `LinuxCalls` has: those of all groups it extends. */
function declaredMethods(): string[] {
  const [, groups = ''] = /interface LinuxCalls extends ([\w, ]+)/.exec(read('linux-calls')) ?? [];
  return groups.trim().split(', ').flatMap(methodsOfGroup).sort();
}

function methodsOfGroup(group: string): string[] {
  const file = group.replace(/(?<=[a-z])[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
  const pattern = new RegExp(`export interface ${group} \\{\\n([\\s\\S]*?)\\n\\}`);
  const [, body = ''] = pattern.exec(read(file)) ?? [];
  return Array.from(body.matchAll(/^ {4}(\w+)\(/gm), ([, name]) => name as string);
}

/** A file of the published declarations. */
function read(name: string): string {
  const entry = require.resolve('@pageferry/linux');
  return readFileSync(new URL(`../dist/calls/${name}.d.ts`, `file://${entry}`), 'utf8');
}

function methodsOf(calls: LinuxCalls): string[] {
  return Object.entries(calls)
    .filter(([, value]) => typeof value === 'function')
    .map(([name]) => name)
    .sort();
}

describe('the two bindings', () => {
  test('have the methods of the interface, all of them and no others', () => {
    const declared = declaredMethods();
    expect(declared.length).toBeGreaterThan(40);
    expect({ napi: methodsOf(loadNapi()), ffi: methodsOf(loadFfi()) }).toEqual({
      napi: declared,
      ffi: declared,
    });
  });

  test('say which they are', () => {
    expect([loadNapi().binding, loadFfi().binding]).toEqual(['napi', 'koffi']);
  });

  test('have nothing else that a program could come to rely on', () => {
    expect(Object.keys(loadFfi()).sort()).toEqual(Object.keys(loadNapi()).sort());
  });

  test('can be used in one process, and each leaves what is not its own alone', () => {
    const [napi, ffi] = [loadNapi(), loadFfi()];
    const ofNapi = napi.mmap(4096, 3, 0x22, -1, 0) as ArrayBuffer;
    const ofFfi = ffi.mmap(4096, 3, 0x22, -1, 0) as ArrayBuffer;
    expect([ffi.munmap(ofNapi), napi.munmap(ofFfi)]).toEqual([-22, -22]);
    expect([ofNapi.byteLength, ofFfi.byteLength]).toEqual([4096, 4096]);
    expect([napi.munmap(ofNapi), ffi.munmap(ofFfi)]).toEqual([0, 0]);
  });
});
