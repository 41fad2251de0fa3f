import { ForwardedMessage, type Message } from '@pageferry/messages';

/** An answer that lies in a worker's memory: somebody is told when it is released. */
export class HeldMessage<T> extends ForwardedMessage<T> {
  #onRelease: (() => void) | undefined;

  constructor(message: Message<T>, onRelease: () => void) {
    super(message);
    this.#onRelease = onRelease;
  }

  override release(): void {
    super.release();
    const onRelease = this.#onRelease;
    this.#onRelease = undefined;
    onRelease?.();
  }
}
