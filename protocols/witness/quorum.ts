/**
 * Which witnesses are asked, in which order, and which of them are enough: those
 * that a policy names, or else so many operators that do not answer for each other.
 */
import { didOfWitnessName } from '../../crypto/checkpoint.ts';
import type { Verifier } from '../../crypto/note.ts';
import { quorumMet, type LogPolicy } from '../../crypto/tlog-policy.ts';
import type { PeerId } from '../ports.ts';
import { witnesses_asked_max } from './constants.ts';

/** A witness that may be asked. */
export interface WitnessContact {
  readonly peer: PeerId;
  /** The vkey of its witness key. */
  readonly verifier_key: string;
  /** Who answers for that host, where known: witnesses of one sponsor count as one opinion. */
  readonly sponsor?: string;
}

/** A set of witnesses that is enough. */
export interface Quorum {
  /** Those worth asking, first to last, at most {@link witnesses_asked_max}. */
  order(contacts: readonly WitnessContact[]): readonly WitnessContact[];
  /** Whom to ask next at once, of those who are left, in their order, after some have cosigned. Nobody when no other can add anything. */
  next(left: readonly WitnessContact[], cosigned: readonly WitnessContact[]): readonly WitnessContact[];
  met(cosigned: readonly WitnessContact[]): boolean;
  /** How far these are from enough, as a sentence. */
  shortfall(cosigned: readonly WitnessContact[]): string;
  /** Why those who are enough are worth less than they seem, if so. */
  weakness(cosigned: readonly WitnessContact[]): string | undefined;
  /** What is needed, in words. */
  readonly words: string;
}

/** The DID in the name of a witness. */
export function didOfWitness({ verifier_key }: Pick<WitnessContact, 'verifier_key'>): string {
  return didOfWitnessName(verifier_key.split('+')[0] ?? '');
}

/** Who has a say in a witness: its sponsor, or itself where none is known. */
function operatorOf({ sponsor, verifier_key }: WitnessContact): string {
  return sponsor ?? verifier_key;
}

/** The first contact of each operator. */
function firsts(contacts: readonly WitnessContact[]): readonly WitnessContact[] {
  const first = new Map<string, WitnessContact>();
  for (const contact of contacts) if (!first.has(operatorOf(contact))) first.set(operatorOf(contact), contact);
  return [...first.values()];
}

/**
 * So many witnesses of different operators. Sponsored ones are asked first, one
 * of each sponsor before its others; then those without a sponsor, whom nobody
 * answers for and anybody can make; last those of `own_sponsor`, who also
 * answers for the log.
 */
export function operatorQuorum(needed: number, own_sponsor: () => string | undefined): Quorum {
  const rank = (contact: WitnessContact, first: ReadonlySet<WitnessContact>): number => {
    if (contact.sponsor === undefined) return 2;
    if (contact.sponsor === own_sponsor()) return 3;
    return first.has(contact) ? 0 : 1;
  };
  const operators = (cosigned: readonly WitnessContact[]): number => firsts(cosigned).length;
  return {
    words: `${needed} witnesses of different operators`,
    order: (contacts) => {
      const first = new Set(firsts(contacts));
      const ranked = contacts.map((contact) => ({ contact, rank: rank(contact, first) }));
      return ranked.sort((a, b) => a.rank - b.rank).map(({ contact }) => contact).slice(0, witnesses_asked_max);
    },
    next: (left, cosigned) => {
      const heard = new Set(cosigned.map(operatorOf));
      const useful = firsts(left.filter((contact) => !heard.has(operatorOf(contact))));
      // One more than needed at first, so that one who is away costs no second round.
      return useful.slice(0, needed - heard.size + (heard.size === 0 ? 1 : 0));
    },
    met: (cosigned) => operators(cosigned) >= needed,
    shortfall: (cosigned) => `${operators(cosigned)} of the ${needed} witnesses that are needed have cosigned`,
    weakness: (cosigned) => {
      const answered_for = firsts(cosigned.filter(({ sponsor }) => sponsor !== undefined && sponsor !== own_sponsor())).length;
      if (answered_for >= needed) return undefined;
      return `${answered_for === 0 ? 'none' : `only ${answered_for}`} of the ${needed} operators that are needed ${answered_for < 2 ? 'is' : 'are'} a sponsor other than this host's own: whoever runs the others could be one and the same`;
    },
  };
}

/** What a C2SP tlog-policy says. Only witnesses that it names are asked, all of them at once. */
export function policyQuorum(policy: LogPolicy): Quorum {
  const names = new Map(policy.witnesses.map(({ name, verifier }) => [verifier.text, name]));
  const namesOf = (cosigned: readonly WitnessContact[]): string[] => cosigned.flatMap(({ verifier_key }) => names.get(verifier_key) ?? []);
  return {
    words: `the quorum ${policy.quorum} of the witness policy`,
    order: (contacts) => contacts.filter(({ verifier_key }) => names.has(verifier_key)).slice(0, witnesses_asked_max),
    next: (left) => left,
    met: (cosigned) => quorumMet(policy, namesOf(cosigned)),
    shortfall: (cosigned) => `the quorum ${policy.quorum} of the witness policy is not met by ${namesOf(cosigned).join(', ') || 'nobody'}`,
    weakness: () => undefined,
  };
}

/** The witnesses of a policy that are not among these. */
export function absentWitnesses(policy: LogPolicy | undefined, contacts: readonly WitnessContact[]): readonly Verifier[] {
  const known = new Set(contacts.map(({ verifier_key }) => verifier_key));
  return policy?.witnesses.map(({ verifier }) => verifier).filter(({ text }) => !known.has(text)) ?? [];
}
