/**
 * Called when a watched descriptor is ready.
 *
 * @param error 0, or `-errno` if the descriptor can no longer be watched.
 * @param revents which of the poll(2) events hold: {@link POLLIN}, {@link POLLOUT}, …
 */
export type WatchCallback = (error: number, revents: number) => void;

/**
 * Watches one descriptor on the event loop of the thread that made it (uv_poll). Close the
 * watcher first, then the descriptor, unless the watcher owns it.
 */
export interface DescriptorWatcher {
  /** Changes the events that are watched; 0 pauses. Returns 0 or `-errno`. */
  update(events: number): number;
  /** Lets this watcher keep the process alive (the default). */
  ref(): void;
  /** Stops this watcher from keeping the process alive. */
  unref(): void;
  /** Stops for good; the callback is not called again. Harmless the second time. */
  close(): void;
}
