// Loaded with `--import` before an example: what it imports as `sharedMmap` is the transport of
// EXAMPLE_TRANSPORT, so that the very same program runs over each of them.
import { register } from 'node:module';

register('./transport-hook.js', import.meta.url);
