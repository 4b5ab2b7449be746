/** The commands about policies: their flags and help. */
import { buildCommand, buildRouteMap, type Command, type RouteMap } from '@stricli/core';
import type { CommonFlags } from '../ask.ts';
import type { CheckFlags } from '../commands/policy-check.ts';
import type { Context } from '../context.ts';
import { argument, common_flags, docs, lazily, someText, textFlag } from '../flags.ts';
import { bundles, follow, publish, reload, unfollow } from './policy-bundles.ts';
import { evaluate, explain, exportPolicy, replay, shadow, test } from './policy-tools.ts';

const check: Command<Context> = buildCommand<CheckFlags, string[], Context>({
  loader: lazily(async () => (await import('../commands/policy-check.ts')).check),
  parameters: {
    flags: {
      ...common_flags,
      strict: { kind: 'boolean', default: false, withNegated: false, brief: 'Fail on warnings too' },
      narrows: textFlag('file', 'Prove that each file allows nothing that this policy does not'),
    },
    positional: { kind: 'array', parameter: { parse: someText, placeholder: 'path', brief: 'A policy file, or a folder of them' }, minimum: 1 },
  },
  docs: docs('Find mistakes in policy files', [
    'Reads each file and says what can be proven about it: rules that never match or never decide, a policy that denies or allows everything, comparisons off the scale or with the wrong kind of value, names that are close to a known one. A finding that speaks of a request shows one.',
    'Exits with 0 when there is no error, with 1 when there is one, or a warning with --strict; with --narrows also with 1 unless the proof succeeds. No node needs to run.',
  ].join('\n\n'), ['policy check policies/analyst.yaml', 'policy check policies --strict', 'policy check child.yaml --narrows parent.yaml --json']),
});

const diff: Command<Context> = buildCommand<CommonFlags, [string, string], Context>({
  loader: lazily(async () => (await import('../commands/policy-check.ts')).diff),
  parameters: {
    flags: common_flags,
    positional: { kind: 'tuple', parameters: [argument('old', 'The policy as it was'), argument('new', 'The policy as it is to be')] },
  },
  docs: docs('Show what changes between two versions of a policy', [
    'Compares what two policies decide, not how they are written, and prints for every kind of change a request that tells them apart, with both verdicts. That there is no difference is proven, not sampled.',
    'Exits with 0 when both decide the same about every request, with 1 when they differ, and with 2 when a file is unusable or a question stayed open. No node needs to run.',
  ].join('\n\n'), ['policy diff policies/analyst.yaml policies/analyst-next.yaml', 'policy diff old.yaml new.yaml --json']),
});

/** `agentmesh policy`. */
export const policy_routes: RouteMap<Context> = buildRouteMap({
  routes: { check, diff, test, eval: evaluate, explain, replay, shadow, export: exportPolicy, publish, bundles, follow, unfollow, reload },
  docs: { brief: 'Check, try and publish policies' },
});
