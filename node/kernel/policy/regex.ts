/**
 * Regular expressions of policies. A policy may come from another host, so no
 * pattern may be able to stall this one: patterns are run as a set of states
 * that moves over the text once (Thompson 1968), so that the cost is at most
 * text length × pattern steps whatever the pattern is. What cannot be matched
 * this way (backreferences, look-around) is refused. The accepted syntax is
 * RE2's; a match may begin anywhere.
 */
import { ok, type Result } from '../../../crypto/result.ts';
import { pattern_characters_max, pattern_input_characters_max, pattern_steps_max } from './bounds.ts';
import { codeOf, isWord, type Test } from './regex-classes.ts';
import { parsePattern, refuse, type Assertion, type PatternNode } from './regex-parser.ts';
import type { Fault, Payer } from './values.ts';

/** A compiled pattern. */
export interface Pattern {
  /** Whether the pattern occurs in the text; `undefined` when the text is longer than 16,384 characters, and the payer's fault where it does not pay for the search. */
  matches(text: string, payer?: Payer): boolean | undefined | Fault;
  /** What one character of a text can cost. */
  readonly steps: number;
}

const newline = 10;
/** Steps of a pattern that are paid for together, and how many are one step of a condition. */
const steps_per_payment = 1_024;
const steps_per_charge = 8;

type Step =
  | { readonly kind: 'one'; readonly test: Test; readonly next: number }
  | { readonly kind: 'assert'; readonly what: Assertion; readonly next: number }
  | { readonly kind: 'split'; readonly next: readonly number[] }
  | { readonly kind: 'done' };

/** Compiles a pattern. Fails with `PATTERN_REFUSED`. */
export function compilePattern(pattern: string): Result<Pattern> {
  if (pattern.length > pattern_characters_max) {
    return refuse(`the pattern has ${pattern.length} characters, ${pattern_characters_max} are allowed`, 'shorten it or use contains');
  }
  const tree = parsePattern(pattern);
  if (!tree.ok) return tree;
  if (sizeOf(tree.value) > pattern_steps_max) {
    return refuse(`the pattern expands to more than ${pattern_steps_max} steps`, 'use smaller repetition counts');
  }
  const steps: Step[] = [{ kind: 'done' }];
  const start = emit(steps, tree.value, 0);
  return ok({ steps: steps.length, matches: (text, payer) => (text.length > pattern_input_characters_max ? undefined : search(steps, start, text, payer)) });
}

function sizeOf(node: PatternNode): number {
  switch (node.kind) {
    case 'one':
    case 'assert':
      return 1;
    case 'sequence':
    case 'choice':
      return node.parts.reduce((sum, part) => sum + sizeOf(part), 1);
    case 'repeat': {
      const copies = Number.isFinite(node.most) ? node.most : node.least + 1;
      return copies * (sizeOf(node.part) + 1) + 1;
    }
  }
}

/** Adds the steps of a node that go on to `next`; returns the first of them. */
function emit(steps: Step[], node: PatternNode, next: number): number {
  const add = (step: Step): number => steps.push(step) - 1;
  switch (node.kind) {
    case 'one':
      return add({ kind: 'one', test: node.test, next });
    case 'assert':
      return add({ kind: 'assert', what: node.what, next });
    case 'sequence':
      return node.parts.reduceRight((after, part) => emit(steps, part, after), next);
    case 'choice':
      return add({ kind: 'split', next: node.parts.map((part) => emit(steps, part, next)) });
    case 'repeat': {
      let start = next;
      if (Number.isFinite(node.most)) {
        for (let copy = node.least; copy < node.most; copy += 1) {
          start = add({ kind: 'split', next: [emit(steps, node.part, start), next] });
        }
      } else {
        const loop = add({ kind: 'split', next: [] });
        steps[loop] = { kind: 'split', next: [emit(steps, node.part, loop), next] };
        start = loop;
      }
      for (let copy = 0; copy < node.least; copy += 1) start = emit(steps, node.part, start);
      return start;
    }
  }
}

function search(steps: readonly Step[], start: number, text: string, payer: Payer | undefined): boolean | Fault {
  const codes = Array.from(text, codeOf);
  const seen = new Uint32Array(steps.length);
  const open: number[] = [];
  let waiting: number[] = [];
  let next: number[] = [];
  let unpaid = codes.length + steps.length;
  for (let at = 0; at <= codes.length; at += 1) {
    const code = codes[at];
    open.push(start);
    for (const index of waiting) open.push(index);
    next.length = 0;
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      if (seen[index] === at + 1) continue;
      seen[index] = at + 1;
      unpaid += 1;
      const step = steps[index];
      if (step === undefined || step.kind === 'done') return payer?.charge(unpaid / steps_per_charge) ?? true;
      if (step.kind === 'split') for (const one of step.next) open.push(one);
      else if (step.kind === 'one') {
        if (code !== undefined && step.test(code)) next.push(step.next);
      } else if (holds(step.what, codes, at)) open.push(step.next);
    }
    [waiting, next] = [next, waiting];
    if (unpaid < steps_per_payment) continue;
    const cost = payer?.charge(unpaid / steps_per_charge);
    if (cost !== undefined) return cost;
    unpaid = 0;
  }
  return payer?.charge(unpaid / steps_per_charge) ?? false;
}

function holds(what: Assertion, codes: readonly number[], at: number): boolean {
  if (what === 'start') return at === 0;
  if (what === 'end') return at === codes.length;
  const before = codes[at - 1];
  const after = codes[at];
  if (what === 'line-start') return before === undefined || before === newline;
  if (what === 'line-end') return after === undefined || after === newline;
  const boundary = (before !== undefined && isWord(before)) !== (after !== undefined && isWord(after));
  return boundary === (what === 'boundary');
}
