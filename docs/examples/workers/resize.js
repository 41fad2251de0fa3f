// resize.js: the module of a pool. It halves an image of RGBA pixels, each new one the mean of four.
import { shared } from '@pageferry/messages';

/** @typedef {{ width: number, height: number, pixels: Uint8Array }} Image */

export default async function halve(
  /** @type {Image} */ { width, height, pixels },
  /** @type {import('@pageferry/workers').TaskContext} */ { compose },
) {
  const half = { width: width >> 1, height: height >> 1 };
  const answer = await compose({
    ...half,
    pixels: shared(Uint8Array, half.width * half.height * 4),
  });
  const out = answer.value.pixels;
  for (let y = 0, at = 0; y < half.height; y++) {
    for (let x = 0; x < half.width; x++) {
      for (let colour = 0; colour < 4; colour++) {
        const first = (2 * y * width + 2 * x) * 4 + colour;
        const above = (pixels[first] ?? 0) + (pixels[first + 4] ?? 0);
        const below = (pixels[first + width * 4] ?? 0) + (pixels[first + width * 4 + 4] ?? 0);
        out[at++] = (above + below + 2) >> 2;
      }
    }
  }
  return answer;
}
