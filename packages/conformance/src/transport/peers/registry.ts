/** Things of one kind, by number. */
export class Registry<T> {
  readonly #kind: string;
  readonly #entries = new Map<number, T>();
  #next = 1;

  constructor(kind: string) {
    this.#kind = kind;
  }

  add(entry: T): number {
    const id = this.#next++;
    this.#entries.set(id, entry);
    return id;
  }

  get(id: number): T {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw new Error(`this peer has no ${this.#kind} ${id}`);
    return entry;
  }

  /** Forgets what is over. */
  forget(isOver: (entry: T) => boolean): void {
    for (const [id, entry] of this.#entries) if (isOver(entry)) this.#entries.delete(id);
  }

  /** Empties the registry. */
  takeAll(): T[] {
    const all = [...this.#entries.values()];
    this.#entries.clear();
    return all;
  }
}
