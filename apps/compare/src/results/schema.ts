import { Ajv, type JSONSchemaType } from 'ajv';
import { scenarioNames } from '../plan/scenarios.js';
import type { Results } from './results.js';

const number = { type: 'number' } as const;
const text = { type: 'string' } as const;
const count = { type: 'integer', minimum: 0 } as const;

const spread = {
  type: 'object',
  properties: { min: number, median: number, max: number },
  required: ['min', 'median', 'max'],
  additionalProperties: false,
} as const;

const machine = {
  type: 'object',
  properties: {
    processor: text,
    cores: count,
    memoryBytes: count,
    architecture: text,
    kernel: text,
    node: text,
    compiler: text,
    packages: { type: 'object', additionalProperties: text },
  },
  required: ['processor', 'cores', 'memoryBytes', 'architecture', 'kernel', 'node', 'packages'],
  additionalProperties: false,
} as const;

const result = {
  type: 'object',
  properties: {
    scenario: { type: 'string', enum: scenarioNames },
    subject: text,
    kind: { type: 'string', enum: ['pageferry', 'node', 'other', 'limit', 'yardstick'] },
    payloadBytes: { type: 'integer', minimum: 1 },
    knobs: {
      type: 'object',
      properties: { receivers: { type: 'integer', minimum: 1 } },
      required: ['receivers'],
      additionalProperties: { type: ['string', 'number', 'boolean'] },
    },
    runs: count,
    gibPerSecond: spread,
    nsPerMessage: spread,
    rttNs: {
      type: 'object',
      properties: { p50: number, p99: number, p999: number },
      required: ['p50', 'p99', 'p999'],
      additionalProperties: false,
    },
    cpuSecondsPerGib: spread,
    contextSwitchesPerMessage: spread,
    pageFaultsPerMessage: spread,
    peakRssBytes: spread,
    othersShare: spread,
    stolenShare: spread,
    ratioToLimit: number,
    ratioToBestNode: number,
    failure: {
      type: 'object',
      properties: {
        kind: { type: 'string', enum: ['unavailable', 'not built', 'failed', 'spoiled'] },
        reason: text,
      },
      required: ['kind', 'reason'],
      additionalProperties: false,
    },
  },
  required: ['scenario', 'subject', 'kind', 'payloadBytes', 'knobs', 'runs'],
  additionalProperties: false,
} as const;

/** JSON Schema of the results, for programs that read them. */
const resultsSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'Results of pnpm compare',
  type: 'object',
  properties: {
    schema: { const: 1 },
    machine,
    interrupted: { const: true },
    results: { type: 'array', items: result },
  },
  required: ['schema', 'machine', 'results'],
  additionalProperties: false,
} as const;

const validate = new Ajv({ allowUnionTypes: true }).compile(
  resultsSchema as unknown as JSONSchemaType<Results>,
);

/** @throws an error in one line if `value` is not what `--json` prints. */
export function checkResults(value: unknown): Results {
  if (validate(value)) return value;
  const [first] = validate.errors ?? [];
  throw new Error(`not results of schema 1: ${first?.instancePath || '/'} ${first?.message}`);
}
