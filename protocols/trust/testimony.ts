/**
 * What the word of others adds to a score. It is bounded by what the observer
 * itself has reason to believe of the endorser and of everybody under the same
 * sponsor, so that many identities of one party weigh no more than one.
 * A pure function of the statements at hand, whatever their order.
 */
import type { DidRecord } from '../../crypto/did-record.ts';
import { endorsement_weight_max, type Endorsement } from '../../crypto/statement.ts';
import { endorser_weight_max, general_scope } from './constants.ts';
import { goodLeft } from './ledger.ts';

/** What an observer knows when it weighs testimony. */
export interface TestimonyView {
  readonly now_ms: number;
  /** Live endorsements of a subject. */
  endorsements(subject: string): readonly Endorsement[];
  /** Live endorsements by an issuer. */
  endorsementsBy(issuer: string): readonly Endorsement[];
  /** Everybody who endorses somebody. */
  endorsers(): readonly string[];
  /** Who answers for a DID: its sponsor, or itself; `undefined` when its record is not known. */
  principal(did: string): string | undefined;
  /** How much of this endorser's word counts, 0..1. */
  budget(endorser: string): number;
}

/** An endorsement that adds to a score. */
export interface Testimony {
  readonly endorsement: Endorsement;
  /** How much of the endorser's word counts, 0..1. */
  readonly budget: number;
  /** Good evidence that would be missing without it. */
  readonly share: number;
}

/** All testimony about one subject. */
export interface TestimonySum {
  /** Good evidence of all endorsements together. */
  readonly total: number;
  readonly items: readonly Testimony[];
  /** Endorsements that count nothing. */
  readonly ignored: number;
}

interface Word {
  readonly endorsement: Endorsement;
  readonly budget: number;
  readonly weight: number;
}

/** Who answers for the DID of a record: its sponsor, or the DID itself. */
export function principalOf(record: DidRecord): string {
  return record.sponsor ?? record.did;
}

function wordOf(endorsement: Endorsement, view: TestimonyView): Word {
  const budget = view.budget(endorsement.iss);
  const age_ms = view.now_ms - endorsement.nbf * 1000;
  return { endorsement, budget, weight: budget * (endorsement.weight / endorsement_weight_max) * goodLeft(age_ms) };
}

/** Whether issuer and subject are known and stand under different sponsors. */
function isIndependent(endorsement: Endorsement, view: TestimonyView): boolean {
  const issuer = view.principal(endorsement.iss);
  const subject = view.principal(endorsement.sub);
  return issuer !== undefined && subject !== undefined && issuer !== subject && endorsement.iss !== endorsement.sub;
}

/** What everybody under one sponsor says about others than the subject, in this view's eyes. */
function spentElsewhere(principal: string, subject: string, view: TestimonyView): number {
  let spent = 0;
  for (const endorser of view.endorsers()) {
    if (view.principal(endorser) !== principal || view.budget(endorser) === 0) continue;
    for (const endorsement of view.endorsementsBy(endorser)) {
      if (endorsement.sub !== subject && isIndependent(endorsement, view)) spent += wordOf(endorsement, view).weight;
    }
  }
  return spent;
}

/** One sponsor's part: its total outgoing weight is scaled to the limit, and about one subject it speaks with one voice. */
function partOf(words: readonly Word[], spent_elsewhere: number): number {
  const said = words.reduce((sum, word) => sum + word.weight, 0);
  const voice = words.reduce((most, word) => Math.max(most, word.budget), 0);
  const spent = said + spent_elsewhere;
  return Math.min(spent > endorser_weight_max ? said * (endorser_weight_max / spent) : said, voice);
}

/** Weighs the endorsements of a subject in a scope; those of the scope `general` always count. */
export function testimony(subject: string, scope: string, view: TestimonyView): TestimonySum {
  const groups = new Map<string, Word[]>();
  let ignored = 0;
  for (const endorsement of view.endorsements(subject)) {
    const word = wordOf(endorsement, view);
    const principal = view.principal(endorsement.iss);
    const fits = endorsement.scope === general_scope || endorsement.scope === scope;
    if (!fits || word.weight === 0 || principal === undefined || !isIndependent(endorsement, view)) {
      ignored += 1;
      continue;
    }
    const words = groups.get(principal);
    if (words === undefined) groups.set(principal, [word]);
    else words.push(word);
  }
  const items: Testimony[] = [];
  let total = 0;
  for (const principal of [...groups.keys()].sort()) {
    const words = groups.get(principal) ?? [];
    const spent_elsewhere = spentElsewhere(principal, subject, view);
    const part = partOf(words, spent_elsewhere);
    total += part;
    for (const word of words) {
      const without = partOf(words.filter((other) => other !== word), spent_elsewhere);
      items.push({ endorsement: word.endorsement, budget: word.budget, share: part - without });
    }
  }
  return { total, items, ignored };
}
