/**
 * How waits poll before they sleep, where the other side can change the answer at any moment and without a
 * system call. One policy for all of them; `spinMicroseconds` says for how long.
 */

/**
 * How often a call looks before it gets into line to wait, which takes longer than the other side may need: up
 * to some ten microseconds' worth.
 */
export const SPINS_AT_ONCE = 256;

/** How often a wait looks before it reads the clock and offers the processor to others: that costs as much as many looks. */
export const SPINS_BETWEEN_YIELDS = 32;

/**
 * As {@link SPINS_BETWEEN_YIELDS}, where a look is a few loads from shared memory. So it is also how often a wait looks
 * that may not poll, before it parks: some two microseconds' worth, while to park and to be woken takes tens of them.
 * With a quarter of that, two sides that answer each other at once were both asleep in up to a fifth of their round
 * trips, and now are in one of a hundred (`pnpm bench shared --only "round trip"`).
 */
export const SPINS_BEFORE_PARKING = 128;
