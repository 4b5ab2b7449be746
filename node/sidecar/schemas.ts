/** The forms of what the sidecar answers, as JSON Schema. */
import { signal_names } from '../kernel/signals/gate.ts';
import { objectOf, type JsonSchema } from './route.ts';

/** A text. */
export const text: JsonSchema = { type: 'string' };
/** A text, or nothing. */
export const text_or_null: JsonSchema = { type: ['string', 'null'] };
/** A whole number from 0. */
export const whole: JsonSchema = { type: 'integer', minimum: 0 };
/** A whole number from 0, or nothing. */
export const whole_or_null: JsonSchema = { type: ['integer', 'null'], minimum: 0 };
/** Any JSON. */
export const anything: JsonSchema = {};
/** Texts. */
export const texts: JsonSchema = { type: 'array', items: text };

/** A text of so many characters at the most. */
export function shortText(characters_max: number): JsonSchema {
  return { type: 'string', minLength: 1, maxLength: characters_max };
}

/** Everything that can be wrong, as problem details (RFC 9457). */
export const problem_schema: JsonSchema = objectOf({
  type: { const: 'about:blank' }, title: text, status: { type: 'integer', minimum: 400, maximum: 599 },
  detail: { type: 'string', description: 'Why, in words' },
  code: { type: 'string', pattern: '^[A-Z][A-Z0-9_]*$', description: 'Stable: programs branch on it' },
  fix: { type: ['string', 'null'], description: 'What to do next, or what would pass' },
  call_id: text_or_null, index: { type: ['integer', 'null'], description: 'Where the record of the decision stands in the audit log' },
  rule: { type: ['string', 'null'], description: 'The rule of a policy that decided' }, retry_after_ms: whole_or_null,
});

/** What a call uses. */
export const usage_schema: JsonSchema = objectOf({ 'tokens?': { type: 'number', minimum: 0 }, 'cost?': { type: 'number', minimum: 0 } });

/** What an agent wants to do. */
export const action_schema: JsonSchema = {
  type: 'object', required: ['type'], properties: { type: shortText(256), resource: { type: 'string', maxLength: 4096 }, tool: { type: 'string', maxLength: 256 } },
  description: 'What the agent wants to do: type and resource make the capability type:resource; policies see every member',
};

/** How a decision stands. */
export const call_schema: JsonSchema = objectOf({
  call_id: text_or_null,
  state: { enum: ['decided', 'waiting', 'open', 'done', 'failed', 'aborted', 'refused'], description: 'decided: only asked; waiting: for approval; open: its outcome is to be recorded' },
  effect: { enum: ['allow', 'deny', 'require_approval'] },
  stage: text, code: text_or_null, rule: text_or_null, policy: text_or_null, reason: text,
  would_allow: { type: ['string', 'null'], description: 'What would pass' },
  obligations: texts, index: { type: ['integer', 'null'], description: 'Where the decision stands in the audit log; null where none was recorded' },
  data: { description: 'Not null where a policy has redacted the data: what to use in their place' },
  approval: { anyOf: [{ type: 'null' }, objectOf({ id: text, approvers: texts, expires_ms: whole })] },
});

/** An agent, as it is told of itself. */
export const agent_schema: JsonSchema = objectOf({
  did: text, name: text, host: { type: 'string', description: 'DID of the host' }, sponsor: text_or_null, capabilities: texts,
  state: { enum: ['running', 'stopped', 'killed'] }, sandbox: { enum: ['none', 'quickjs', 'process', 'bwrap'] }, enforcement: { enum: ['cooperative', 'isolated'] },
  policies: { type: 'array', items: objectOf({ name: text, digest: text }) }, index: whole_or_null,
});

/** A file or folder of the memory. */
export const file_schema: JsonSchema = objectOf({
  kind: { enum: ['file', 'folder'] }, path: text, bytes: whole, inodes: whole_or_null, hash: text_or_null, modified_ms: whole_or_null, expires_ms: whole_or_null, writer: text_or_null,
  call_id: text_or_null, labels: texts, tags: texts,
});

/** A tool, as it is told of. */
export const tool_schema: JsonSchema = objectOf({ name: text, version: text, digest: text, requires_approval: { type: 'boolean' }, descriptor: { type: 'object' } });

/** What comes as an event `call` on the stream of a program that serves tools. */
export const served_call_schema: JsonSchema = objectOf({
  call_id: { type: 'string', description: 'To answer with' }, tool: text, digest: text, input: { description: 'It fits the inputSchema; redacted where a policy wants that' },
  caller: { type: 'string', description: 'The DID of the agent that calls' }, expires_ms: whole,
});

/** What comes on a stream of signals, one object an event. */
export const signal_schema: JsonSchema = objectOf({
  signal: { enum: [...signal_names] }, number: { type: 'integer', minimum: 1, maximum: 12 }, by: text, reason: text, time_ms: whole,
  outcome: { enum: ['stopped', 'continued', 'finishing', 'terminating', 'killed', 'diagnosed', 'checkpointed', 'handled', 'ignored', 'pending', 'failed'] },
});
