import type { Look } from './look.js';

/** How many rates are remembered for each endpoint. */
const LENGTH = 20;

/** The rates of endpoints, look after look. */
export class History {
  readonly #rates = new Map<string, number[]>();

  /** Adds a look. Endpoints that are gone are forgotten. */
  add(looks: readonly Look[]): void {
    const names = new Set(looks.map(({ name }) => name));
    for (const name of this.#rates.keys()) if (!names.has(name)) this.#rates.delete(name);
    for (const { name, messagesPerSecond } of looks) {
      if (messagesPerSecond === undefined) continue;
      const rates = this.#rates.get(name) ?? [];
      rates.push(messagesPerSecond);
      if (rates.length > LENGTH) rates.shift();
      this.#rates.set(name, rates);
    }
  }

  /** The last rates of an endpoint, the oldest first. */
  of(name: string): readonly number[] {
    return this.#rates.get(name) ?? [];
  }
}
