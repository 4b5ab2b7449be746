/**
 * Fuzzing of what is claimed about policies: whatever the analysis says of a random
 * policy, or of two, must be so for every request of a small world.
 */
import * as fc from 'fast-check';
import { unwrap } from '../../crypto/result.ts';
import { checkPolicy } from '../../node/kernel/policy/analysis/check.ts';
import { behaviourOf, comparePolicies, narrows, type Behaviour } from '../../node/kernel/policy/analysis/compare.ts';
import type { Finding } from '../../node/kernel/policy/analysis/finding.ts';
import { reallyMatches } from '../../node/kernel/policy/analysis/outcome.ts';
import { compilePolicy } from '../../node/kernel/policy/load.ts';
import type { CompiledPolicy } from '../../node/kernel/policy/policy.ts';
import type { PolicyRequest } from '../../node/kernel/policy/scope.ts';
import { document, requests, type PolicyDocument } from './analysis-policies.ts';
import type { FuzzOptions, FuzzReport } from './policy.ts';

/** Who makes the claims; another is for seeing that wrong ones are found. */
export interface Claims {
  readonly checkPolicy: typeof checkPolicy;
  readonly comparePolicies: typeof comparePolicies;
  readonly narrows: typeof narrows;
}

const removable: ReadonlySet<string> = new Set(['RULE_SHADOWED', 'RULE_DUPLICATE', 'RULE_WITHOUT_EFFECT']);
const rank = { deny: 0, require_approval: 1, allow: 2 } as const;

function compiled(given: PolicyDocument): CompiledPolicy {
  return unwrap(compilePolicy(given));
}

function plain({ effect, obligations, signal }: Behaviour): string {
  return JSON.stringify({ effect, obligations, signal });
}

/** The first request of the world that contradicts a claim. */
function contradicting(contradicts: (request: PolicyRequest) => boolean): string | undefined {
  const request = requests.find(contradicts);
  return request === undefined ? undefined : JSON.stringify(request);
}

/** What is wrong with what is said of one rule, or of all of them together. */
function wrongFinding(policy: CompiledPolicy, { code, rule: name, request: shown }: Finding): string | undefined {
  const rule = policy.rules.find((one) => one.name === name);
  if (code === 'RULE_NEVER_MATCHES' && rule !== undefined) {
    // By a fault it may count, where a request shows that.
    const claimed = shown === undefined ? rule : { ...rule, effect: 'allow' as const };
    return contradicting((request) => reallyMatches({ policy, rule: claimed }, request));
  }
  if (code === 'ALLOWS_EVERYTHING') return contradicting((request) => (rule === undefined ? behaviourOf(policy, request).effect !== 'allow' : !reallyMatches({ policy, rule }, request)));
  return code === 'DENIES_EVERYTHING' ? contradicting((request) => behaviourOf(policy, request).effect !== 'deny') : undefined;
}

/** The first claim about two policies, the second a child of the first, that is not so. */
function wrongClaim(one: PolicyDocument, other: PolicyDocument, claims: Claims): string | undefined {
  const [policy, next] = [compiled(one), compiled(other)];
  const findings = claims.checkPolicy(policy);
  for (const finding of findings) {
    const wrong = wrongFinding(policy, finding);
    if (wrong !== undefined) return `${finding.code} ${finding.rule ?? ''}: not for ${wrong}`;
  }
  const removed = new Set(findings.flatMap(({ code, rule }) => (removable.has(code) && rule !== undefined ? [rule] : [])));
  const rest = compiled({ ...one, rules: one.rules.filter(({ name }) => !removed.has(name)) });
  const needed = removed.size === 0 ? undefined : contradicting((request) => plain(behaviourOf(policy, request)) !== plain(behaviourOf(rest, request)));
  if (needed !== undefined) return `without ${[...removed].join(', ')} there is a difference: ${needed}`;
  const { answer, differences } = claims.comparePolicies(policy, next);
  const differs = (request: PolicyRequest): boolean => plain(behaviourOf(policy, request)) !== plain(behaviourOf(next, request));
  const unequal = answer === 'equal' ? contradicting(differs) : undefined;
  if (unequal !== undefined) return `said to be equal: not for ${unequal}`;
  const imagined = differences.find(({ request }) => !differs(request));
  if (imagined !== undefined) return `said to differ: not for ${JSON.stringify(imagined.request)}`;
  const wider = claims.narrows(next, policy).answer === 'narrows' ? contradicting((request) => rank[behaviourOf(next, request).effect] > rank[behaviourOf(policy, request).effect]) : undefined;
  return wider === undefined ? undefined : `said to narrow: not for ${wider}`;
}

/** Another version of a policy: turned round, with a rule less, or something else altogether. */
function versionOf(given: PolicyDocument, other: PolicyDocument, kind: 'turned' | 'less' | 'other'): PolicyDocument {
  if (kind === 'other') return other;
  return { ...given, rules: kind === 'less' && given.rules.length > 1 ? given.rules.slice(1) : given.rules.toReversed() };
}

/** Searches for a policy about which something is claimed that is not so. */
export function fuzzAnalysis({ runs, seed }: FuzzOptions, claims: Claims = { checkPolicy, comparePolicies, narrows }): FuzzReport {
  const found = fc.check(fc.property(document, document, fc.constantFrom('turned', 'less', 'other'), (one, other, kind) => {
    const wrong = wrongClaim(one, versionOf(one, other, kind), claims);
    return wrong === undefined;
  }), { numRuns: runs, seed });
  if (!found.failed || found.counterexample === null) return { runs: found.numRuns };
  const [one, other, kind] = found.counterexample;
  const version = versionOf(one, other, kind);
  return { runs: found.numRuns, difference: `seed ${seed}, path ${found.counterexamplePath ?? ''}: ${wrongClaim(one, version, claims) ?? ''}\n${JSON.stringify(one)}\n${JSON.stringify(version)}` };
}
