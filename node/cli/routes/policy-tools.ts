/** The commands that try policies: their flags and help. */
import { buildCommand, type Command } from '@stricli/core';
import type { EvalFlags } from '../commands/policy-eval.ts';
import type { ExplainFlags } from '../commands/policy-explain.ts';
import type { ExportFlags } from '../commands/policy-export.ts';
import type { ReplayFlags, ShadowFlags } from '../commands/policy-replay.ts';
import type { TestFlags } from '../commands/policy-test.ts';
import type { Context } from '../context.ts';
import { argument, common_flags, docs, lazily, momentFlag, neededFlag, neededRepeatedFlag, numberFlag, someText, textFlag } from '../flags.ts';

const policy_flags = {
  ...common_flags,
  policy: neededRepeatedFlag('file', 'A policy file; several decide together, also those in shadow mode'),
  strict: { kind: 'boolean', default: false, withNegated: false, brief: 'As in strict mode: what a request does not say counts against it' },
} as const;

const source_flags = {
  records: textFlag('file', 'Decisions from an exported file instead of the log of the node: CloudEvents or records, one a line; - for standard input'),
  log: textFlag('which', 'Which log of the node: its number or origin, as audit logs lists them (default: the newest)'),
  agent: textFlag('who', 'Only decisions about this agent'),
  from: momentFlag('Only decisions since then: a time with its zone, or how long ago, e.g. 12h'),
  to: momentFlag('Only decisions until then'),
  limit: numberFlag('count', 'At most so many decisions'),
} as const;

/** `policy eval`. */
export const evaluate: Command<Context> = buildCommand<EvalFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/policy-eval.ts')).evaluateLines),
  parameters: { flags: { ...policy_flags, inputs: neededFlag('file', 'Requests, one JSON value a line; - for standard input') } },
  docs: docs('Decide about requests', [
    'Answers each line with one line: the verdict, the rule that decided and why. Nothing runs and no node is needed. Rate limits count from the first line on, at the time_ms that a line states or else now.',
    'A request has the roots action, data, agent and context, as in {"action": {"type": "export"}, "data": {"text": "…"}, "agent": {"trust_score": 700}}; "action": "export" is the same action, and other names at the top are fields of the data too. An id is given back.',
    'A line that is no request is denied, with its code under error, and the exit code is 1 at the end.',
  ].join('\n\n'), ['policy eval --policy analyst.yaml --inputs requests.jsonl', 'policy eval --policy analyst.yaml --policy host.yaml --inputs - --json']),
});

/** `policy explain`. */
export const explain: Command<Context> = buildCommand<ExplainFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/policy-explain.ts')).explain),
  parameters: {
    flags: {
      ...policy_flags,
      input: neededFlag('json', 'The request: JSON, a file with it, or - for standard input'),
      all: { kind: 'boolean', default: false, withNegated: false, brief: 'Show every rule, not only those that hold' },
    },
  },
  docs: docs('Show what one decision hangs on', 'Shows the verdict, the rule that decides with each part of its condition, what the detectors found, and what would have to change for the request to be allowed.', [
    'policy explain --policy analyst.yaml --input \'{"action": {"type": "export"}, "agent": {"trust_score": 400}}\'', 'policy explain --policy analyst.yaml --input request.json --all --json',
  ]),
});

/** `policy test`. */
export const test: Command<Context> = buildCommand<TestFlags, string[], Context>({
  loader: lazily(async () => (await import('../commands/policy-test.ts')).test),
  parameters: {
    flags: {
      ...common_flags,
      coverage: { kind: 'boolean', default: false, withNegated: false, brief: 'Show which rules never held, and which parts of conditions were not seen both ways' },
      coverageMin: numberFlag('percent', 'Fail where less than this is covered'),
    },
    positional: { kind: 'array', parameter: { parse: someText, placeholder: 'path', brief: 'A test file, or a folder with files that end in _test.yaml' }, minimum: 1 },
  },
  docs: docs('Run the tests of policies', [
    'A test file says which policy is on trial and what is expected of it:',
    ['  policy: analyst.yaml                 # relative to this file; a list of several decides together', '  strict: false                        # as in strict mode', '  cases:', '    - name: personal data does not leave', '      request: { action: { type: export }, data: { contains_pii: true } }', '      expect: deny                     # allow, deny or require_approval', '      rule: no-pii-export              # the rule that must have decided; null for none', '      reason: personal data            # what the reason must contain', '    - name: the hundred and first call waits', '      request: { action: api_call, agent: { trust_score: 900 } }', '      after: 100                       # so many of the same before it, unchecked', '      at: 10s                          # so long after them', '      repeat: 1                        # so many that must all be decided so', '      expect: deny'].join('\n'),
    'Each case begins with nothing counted. Coverage counts each rule that held, and each part of a condition once true and once false. Exits with 1 when a case fails, a file cannot be used or covers too little.',
  ].join('\n\n'), ['policy test policies', 'policy test analyst_test.yaml --coverage --coverage-min 90', 'policy test policies --json']),
});

/** `policy export`. */
export const exportPolicy: Command<Context> = buildCommand<ExportFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/policy-export.ts')).exportPolicy),
  parameters: {
    flags: { ...common_flags, to: { kind: 'enum', values: ['cel', 'json', 'yaml'], brief: 'cel: the condition of each rule in the Common Expression Language, one a line; json, yaml: the policy in version 1.0' } },
    positional: { kind: 'tuple', parameters: [argument('file', 'A policy file of any dialect')] },
  },
  docs: docs('Write a policy in a standard form', 'Prints a policy of any dialect as a document of version 1.0 that decides the same, or its conditions in standard CEL.', ['policy export template.yaml --to yaml', 'policy export analyst.yaml --to cel --json']),
});

/** `policy replay`. */
export const replay: Command<Context> = buildCommand<ReplayFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/policy-replay.ts')).replay),
  parameters: {
    flags: {
      ...policy_flags,
      ...source_flags,
      failOn: { kind: 'enum', values: ['looser', 'stricter', 'change'], optional: true, brief: 'Exit with 1 when a decision would be looser, stricter, or either' },
    },
  },
  docs: docs('Decide what was recorded again by other policies', [
    'Takes the decisions of the audit log (of the running node, or of the stopped one whose data folder it is) and says how these policies would have decided: the same, looser, stricter, by which rules, with the index of the first entries.',
    'A record holds the hash of a payload and not the payload. A decision that hangs on the payload, or on what detectors find in it, is reported as not known, never guessed; calls without arguments are known whole.',
  ].join('\n\n'), ['policy replay --policy new.yaml --from 7d', 'policy replay --policy new.yaml --agent analyst --fail-on looser --json', 'policy replay --policy new.yaml --records events.jsonl']),
});

/** `policy shadow`. */
export const shadow: Command<Context> = buildCommand<ShadowFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/policy-replay.ts')).shadow),
  parameters: { flags: { ...common_flags, ...source_flags, policy: textFlag('name', 'Only this policy') } },
  docs: docs('Report what policies in shadow mode would have changed', 'A policy with mode: shadow decides beside the others, with the whole payload, and changes nothing; what it would have decided is in the record. This counts where it differs.', ['policy shadow --from 24h', 'policy shadow --policy candidate --json']),
});
