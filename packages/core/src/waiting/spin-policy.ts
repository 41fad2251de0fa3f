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
