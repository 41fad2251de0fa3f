// What is bundled: says what the automatic choice takes, what crosses over each backend, why `node:ffi` does not load, and
// what the doctor finds. Without `await` at the top, which CommonJS does not have.
import { isDeepStrictEqual } from 'node:util';
import { chooseTransport, examine } from '@pageferry/doctor';
import { createVmspliceFfi } from '@pageferry/vmsplice-ffi';
import { connectBest, openBestListener } from 'pageferry';
import * as backends from '../backends.js';
import { freshEndpoint } from '../endpoint.js';
import { EXPECTED, exchange } from '../exchange.js';

/** What a call throws, or undefined. */
async function failureOf(call) {
  try {
    await call();
    return undefined;
  } catch (error) {
    return `${error.code} ${error.message}`;
  }
}

async function askAndAnswer() {
  const endpoint = freshEndpoint();
  const { listener, name } = await openBestListener({ endpoint, warn: false });
  const { channel } = await connectBest({ endpoint, warn: false, timeout: 10_000 });
  const answering = listener.receive().then((question) => question.respond(question.copy()));
  const answer = await channel.request(Buffer.from(name));
  const text = answer.copy().toString();
  answer.release();
  await answering;
  await channel.close();
  await listener.close();
  return text;
}

async function main() {
  const { name, reasons } = await chooseTransport({ warn: false });
  const crossed = {};
  for (const transport of Object.values(backends)) {
    const failure = await failureOf(async () => {
      const result = await exchange(transport, freshEndpoint());
      if (!isDeepStrictEqual(result, EXPECTED)) throw new Error(JSON.stringify(result));
    });
    crossed[transport.name] = failure ?? 'crossed';
  }
  const endpoint = freshEndpoint();
  const nodeFfi = await failureOf(async () => {
    const sender = await createVmspliceFfi({ driver: 'node' }).createSender({ endpoint });
    await sender.close();
  });
  const { advice, probes } = await examine();
  const said = {
    chosen: name,
    reasons,
    asked: await askAndAnswer(),
    crossed,
    nodeFfi,
    findings: advice.map(({ finding }) => finding),
    evidence: probes.map(({ evidence }) => evidence),
  };
  console.log(JSON.stringify(said));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
