import { types } from 'node:util';
import { isPageferryError, memoryOf, PageferryError } from '@pageferry/core';
import { MAX_DEPTH } from './format.js';

/** What V8 leaves out of an error, and how it is put back: visible properties, and those that are not enumerable. */
export type ErrorExtras = [error: Error, visible: object, hidden: object];

/** What is in a value beside plain data. */
export interface Survey {
  /** The `ArrayBuffer`s that are themselves part of the value. */
  readonly buffers: ReadonlySet<ArrayBuffer>;
  readonly errors: readonly ErrorExtras[];
}

/** V8 puts these back by itself, or (the stack) as text. */
const OF_V8 = new Set(['stack', 'message', 'cause']);
const NAMES_OF_V8 = new Set([
  'Error',
  'EvalError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'TypeError',
  'URIError',
]);

/**
 * Looks a value through before it is cloned.
 *
 * @throws `NOT_CLONEABLE` with the path of what cannot be cloned; and what a getter throws.
 */
export function survey(value: unknown): Survey {
  const walk = new Walk();
  walk.visit(value);
  return walk;
}

/** What {@link notCloneable} says of a buffer that is gone. */
export const NOT_THERE = 'a buffer that was transferred, or has another length than it had,';

/** The error for something that cannot be cloned. */
export function notCloneable(what: string, path: string, cause?: unknown): PageferryError {
  const where = path === '' ? 'the value itself' : path;
  return new PageferryError('NOT_CLONEABLE', `${where}: ${what} cannot be cloned`, { path, cause });
}

class Walk implements Survey {
  readonly buffers = new Set<ArrayBuffer>();
  readonly errors: ErrorExtras[] = [];
  readonly #seen = new Set<object>();
  readonly #path: string[] = [];

  visit(value: unknown): void {
    if (typeof value === 'symbol') throw notCloneable('a symbol', this.#where());
    if (typeof value === 'function') throw notCloneable('a function', this.#where());
    if (typeof value !== 'object' || value === null || this.#seen.has(value)) return;
    this.#seen.add(value);
    if (this.#path.length > MAX_DEPTH) {
      throw notCloneable(`what is nested deeper than ${MAX_DEPTH} levels`, this.#where());
    }
    const refused = kindOfUncloneable(value);
    if (refused !== undefined) throw notCloneable(refused, this.#where());
    if (ArrayBuffer.isView(value)) this.#visitView(value);
    else if (types.isArrayBuffer(value)) this.#addBuffer(value);
    else if (types.isNativeError(value)) this.#visitError(value);
    else if (types.isMap(value)) this.#visitMap(value);
    else if (types.isSet(value)) this.#visitSet(value);
    else if (!types.isBoxedPrimitive(value) && !types.isDate(value) && !types.isRegExp(value))
      this.#visitProperties(value);
  }

  #visitView(view: ArrayBufferView): void {
    if (memoryOf(view) === undefined) throw notCloneable(NOT_THERE, this.#where());
  }

  #addBuffer(buffer: ArrayBuffer): void {
    // A detached one throws nowhere else: it would arrive as an empty one.
    try {
      new Uint8Array(buffer);
    } catch {
      throw notCloneable('a detached ArrayBuffer', this.#where());
    }
    this.buffers.add(buffer);
  }

  #visitProperties(value: object): void {
    const isArray = Array.isArray(value);
    for (const key of Object.keys(value)) {
      this.#step(
        isArray ? `[${key}]` : stepTo(key),
        (value as Readonly<Record<string, unknown>>)[key],
      );
    }
  }

  #visitMap(value: ReadonlyMap<unknown, unknown>): void {
    // Not its own way to be looked through: it may have another prototype.
    for (const [key, each] of Map.prototype.entries.call(value)) {
      const name = typeof key === 'string' ? JSON.stringify(key) : '…';
      this.#step('.keys()', key);
      this.#step(`.get(${name})`, each);
    }
  }

  #visitSet(value: ReadonlySet<unknown>): void {
    for (const each of Set.prototype.values.call(value)) this.#step('.values()', each);
  }

  #visitError(error: Error): void {
    const visible: Record<string, unknown> = {};
    const hidden: Record<string, unknown> = {};
    const own = error as unknown as Readonly<Record<string, unknown>>;
    for (const key of Object.getOwnPropertyNames(error)) {
      if (OF_V8.has(key) || !this.#isCloneable(key, own[key])) continue;
      const isVisible = Object.prototype.propertyIsEnumerable.call(error, key);
      Object.defineProperty(isVisible ? visible : hidden, key, plain(own[key]));
    }
    const { name } = error;
    if (typeof name === 'string' && !Object.hasOwn(error, 'name') && !NAMES_OF_V8.has(name)) {
      Object.defineProperty(hidden, 'name', plain(name));
    }
    if (Object.hasOwn(error, 'cause')) this.#step('.cause', error.cause);
    if (Object.keys(visible).length + Object.keys(hidden).length > 0) {
      this.errors.push([error, visible, hidden]);
    }
  }

  /** What hangs on errors besides (a request, a response, …) is nobody's message: what cannot be cloned stays behind. */
  #isCloneable(key: string, value: unknown): boolean {
    const depth = this.#path.length;
    try {
      this.#step(stepTo(key), value);
      return true;
    } catch (error) {
      if (!isPageferryError(error, 'NOT_CLONEABLE')) throw error;
      this.#path.length = depth;
      return false;
    }
  }

  #step(step: string, value: unknown): void {
    this.#path.push(step);
    this.visit(value);
    this.#path.pop();
  }

  #where(): string {
    return this.#path.join('').replace(/^\./, '');
  }
}

function plain(value: unknown): PropertyDescriptor {
  return { value, enumerable: true, configurable: true, writable: true };
}

function stepTo(key: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)
    ? `.${key}`
    : `[${JSON.stringify(key)}]`;
}

/** True for an object of which nothing but its properties is cloned, and that has no prototype of its own. */
export function isPlainObject(value: object): boolean {
  if (types.isProxy(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  // Any object may have been given this prototype.
  return (
    kindOfUncloneable(value) === undefined &&
    !hasContents(value) &&
    !types.isNativeError(value) &&
    !types.isAnyArrayBuffer(value)
  );
}

function hasContents(value: object): boolean {
  return (
    types.isMap(value) ||
    types.isSet(value) ||
    types.isBoxedPrimitive(value) ||
    types.isDate(value) ||
    types.isRegExp(value)
  );
}

function kindOfUncloneable(value: object): string | undefined {
  if (types.isProxy(value)) return 'a Proxy';
  if (types.isPromise(value)) return 'a Promise';
  if (types.isWeakMap(value)) return 'a WeakMap';
  if (types.isWeakSet(value)) return 'a WeakSet';
  if (types.isSharedArrayBuffer(value)) return 'a SharedArrayBuffer';
  if (types.isSymbolObject(value)) return 'a symbol';
  if (types.isGeneratorObject(value)) return 'a generator';
  // Not every runtime knows of such values.
  if (types.isExternal?.(value)) return 'an address';
  if (Object.prototype.toString.call(value) === '[object WeakRef]') return 'a WeakRef';
  return undefined;
}
