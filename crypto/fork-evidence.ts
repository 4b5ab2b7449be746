/**
 * Evidence that a log or a witness has contradicted itself: a self-contained
 * text file that anybody can verify with nothing but the accused key inside it.
 *
 * One misdeed has one spelling: notes carry the accused signature alone, and
 * the order of the parts is fixed. What cannot be written so is no evidence.
 */
import { compare, concat, equal, utf8 } from './bytes.ts';
import { isKeyOfName, origin_bytes_max, parseCheckpoint, type Checkpoint } from './checkpoint.ts';
import { evidence_bytes_max, formatEvidence, misdeeds, packEvidence, parseEvidence, type EvidenceFile, type EvidenceKind } from './evidence-file.ts';
import { digest_bytes } from './hash.ts';
import { verifyInclusion } from './merkle.ts';
import { cosignatureTime, isKeyName, openNote, parseVerifier, signature_type_log, type Verifier } from './note.ts';
import { fail, ok, type Result } from './result.ts';
import { formatProof, parseProof } from './tlog-proof.ts';

export { evidence_bytes_max, misdeeds, packed_evidence_bytes_max, packEvidence, statedEvidence, unpackEvidence, type EvidenceKind } from './evidence-file.ts';

/** Who is accused by which key. */
export interface Accused {
  /** The DID that the key is named after. That it is this DID's key, its record must say. */
  readonly did: string;
  /** `<did>/log/<fingerprint>` or `<did>/wit/<fingerprint>`. */
  readonly name: string;
  readonly verifier_key: string;
  readonly public_key: Uint8Array;
  readonly role: 'log' | 'witness';
}

/** What verified evidence says. */
export interface VerifiedEvidence {
  readonly kind: EvidenceKind;
  readonly accused: Accused;
  /** The log that both parts are about; that of the accused itself where a log is accused. */
  readonly origin: string;
  /** The sizes of the two trees, in the order of the parts. */
  readonly sizes: readonly [number, number];
  /** What is proven about whom, as a sentence. */
  readonly reason: string;
}

function invalid(reason: string): ReturnType<typeof fail> {
  return fail('EVIDENCE_INVALID', reason);
}

/** One thing that the accused signed. */
interface Testimony {
  readonly checkpoint: Checkpoint;
  /** The note with the accused signature alone. */
  readonly note: Uint8Array;
  /** When a witness says that it signed, Unix seconds; 0 for a log. */
  readonly time_s: number;
}

/** A contradiction, with its parts as they are written. */
interface Contradiction extends Pick<VerifiedEvidence, 'origin' | 'sizes'> {
  readonly parts: readonly Uint8Array[];
  readonly detail: string;
}

function testimony(verifier: Verifier, bytes: Uint8Array): Result<Testimony> {
  const opened = openNote(bytes, [verifier]);
  if (!opened.ok) return invalid(`a part is not signed by the accused key: ${opened.failure.reason}`);
  const checkpoint = parseCheckpoint(opened.value.text);
  const own = opened.value.verified[0];
  if (!checkpoint.ok || own === undefined || !isKeyName(checkpoint.value.origin)) return invalid('what the accused key signed is not a checkpoint');
  if (verifier.type === signature_type_log && checkpoint.value.origin !== verifier.name) return invalid('the checkpoint is of another log than that of the accused key');
  const time_s = verifier.type === signature_type_log ? 0 : cosignatureTime(own.signature) ?? 0;
  return ok({ checkpoint: checkpoint.value, note: concat(opened.value.text, utf8(`\n${own.line}\n`)), time_s });
}

function twoTestimonies(verifier: Verifier, parts: readonly Uint8Array[]): Result<readonly [Testimony, Testimony]> {
  const [first, second] = parts;
  if (first === undefined || second === undefined || parts.length !== 2) return invalid('evidence of this kind has exactly two notes');
  const one = testimony(verifier, first);
  if (!one.ok) return one;
  const other = testimony(verifier, second);
  if (!other.ok) return other;
  return one.value.checkpoint.origin === other.value.checkpoint.origin ? ok([one.value, other.value]) : invalid('the two notes are of different logs');
}

function twoRoots(verifier: Verifier, parts: readonly Uint8Array[]): Result<Contradiction> {
  const both = twoTestimonies(verifier, parts);
  if (!both.ok) return both;
  const [one, other] = both.value;
  const { origin, size, root } = one.checkpoint;
  if (other.checkpoint.size !== size || equal(other.checkpoint.root, root)) return invalid('the two notes do not have one size and two roots');
  return ok({ origin, sizes: [size, size], parts: [one.note, other.note].sort(compare), detail: `${size} entries` });
}

function goneBack(verifier: Verifier, parts: readonly Uint8Array[]): Result<Contradiction> {
  const both = twoTestimonies(verifier, parts);
  if (!both.ok) return both;
  const [earlier, later] = [...both.value].sort((a, b) => a.time_s - b.time_s);
  // In one second a witness may cosign twice, in whatever order the two times were rounded: equal times prove nothing.
  if (earlier === undefined || later === undefined || earlier.time_s >= later.time_s || earlier.checkpoint.size <= later.checkpoint.size) {
    return invalid('the later of the two notes is not of a smaller tree');
  }
  const sizes = [earlier.checkpoint.size, later.checkpoint.size] as const;
  return ok({
    origin: earlier.checkpoint.origin, sizes, parts: [earlier.note, later.note],
    detail: `${sizes[0]} entries at ${earlier.time_s}, ${sizes[1]} entries at ${later.time_s}, in Unix seconds`,
  });
}

/** A leaf that the accused log proved: the proof and the hash of the leaf. */
interface ProvenLeaf extends Testimony {
  readonly index: number;
  readonly leaf_hash: Uint8Array;
  readonly proof: Uint8Array;
}

function provenLeaf(verifier: Verifier, bytes: Uint8Array, leaf_hash: Uint8Array): Result<ProvenLeaf> {
  const proof = parseProof(bytes);
  if (!proof.ok || leaf_hash.length !== digest_bytes) return invalid(`a leaf is proven by a tlog-proof and its hash of ${digest_bytes} bytes`);
  const { index, hashes, checkpoint: note } = proof.value;
  const signed = testimony(verifier, note);
  if (!signed.ok) return signed;
  const { size, root } = signed.value.checkpoint;
  const included = verifyInclusion({ index, size, leaf_hash, proof: hashes, root });
  if (!included.ok) return invalid(`a leaf is not proven: ${included.failure.reason}`);
  return ok({ ...signed.value, index, leaf_hash, proof: formatProof({ index, hashes, checkpoint: signed.value.note }) });
}

function twoLeaves(verifier: Verifier, parts: readonly Uint8Array[]): Result<Contradiction> {
  const [proof, leaf, other_proof, other_leaf] = parts;
  if (proof === undefined || leaf === undefined || other_proof === undefined || other_leaf === undefined || parts.length !== 4) {
    return invalid('evidence of this kind has a proof and a leaf hash, twice');
  }
  const one = provenLeaf(verifier, proof, leaf);
  if (!one.ok) return one;
  const other = provenLeaf(verifier, other_proof, other_leaf);
  if (!other.ok) return other;
  const [a, b] = compare(leaf, other_leaf) < 0 ? [one.value, other.value] : [other.value, one.value];
  if (a.index !== b.index || equal(a.leaf_hash, b.leaf_hash)) return invalid('the two proofs are not of two leaves at one index');
  const sizes = [a.checkpoint.size, b.checkpoint.size] as const;
  return ok({
    origin: verifier.name, sizes, parts: [a.proof, a.leaf_hash, b.proof, b.leaf_hash],
    detail: `index ${a.index} in the trees of ${sizes[0]} and ${sizes[1]} entries`,
  });
}

const judges: { readonly [kind in EvidenceKind]: { readonly role: Accused['role']; readonly judge: (verifier: Verifier, parts: readonly Uint8Array[]) => Result<Contradiction> } } = {
  'same-size': { role: 'log', judge: twoRoots },
  'leaf-conflict': { role: 'log', judge: twoLeaves },
  'cosigner-split': { role: 'witness', judge: twoRoots },
  'cosigner-rollback': { role: 'witness', judge: goneBack },
};

function accusedBy(verifier: Verifier): Accused | undefined {
  const { name, type, public_key, text } = verifier;
  const is_log = type === signature_type_log;
  const did = (is_log ? /^(?<did>did:.+)\/log\/[0-9a-f]{32}$/ : /^(?<did>did:.+)\/wit\/[0-9a-f]{32}$/).exec(name)?.groups?.['did'];
  if (did === undefined || utf8(name).length > origin_bytes_max || !isKeyOfName(name, public_key)) return undefined;
  return { did, name, verifier_key: text, public_key, role: is_log ? 'log' : 'witness' };
}

function judged({ kind, verifier_key, parts }: EvidenceFile): Result<{ readonly evidence: VerifiedEvidence; readonly bytes: Uint8Array }> {
  const verifier = parseVerifier(verifier_key);
  if (!verifier.ok) return invalid(`the accused key: ${verifier.failure.reason}`);
  const accused = accusedBy(verifier.value);
  const { role, judge } = judges[kind];
  if (accused?.role !== role) return invalid(`the accused key is not that of a ${role} which is named after it`);
  const proven = judge(verifier.value, parts);
  if (!proven.ok) return proven;
  const { origin, sizes, detail } = proven.value;
  const about = role === 'log' ? '' : `, of ${origin}`;
  const reason = `the ${role} ${accused.name} ${misdeeds[kind]}: ${detail}${about}`;
  return ok({ evidence: { kind, accused, origin, sizes, reason }, bytes: formatEvidence({ kind, verifier_key, parts: proven.value.parts }) });
}

/**
 * Verifies an evidence file: the key is the one that its name commits to, it
 * signed every part, and the parts contradict each other. Nothing but the file is
 * consulted; whether the key is that of the DID in its name, the DID's record
 * says. Fails with `EVIDENCE_INVALID`.
 */
export function verifyEvidence(bytes: Uint8Array): Result<VerifiedEvidence> {
  const file = parseEvidence(bytes);
  if (file === undefined) return invalid(`evidence has a version, a kind, a vkey and parts in at most ${evidence_bytes_max} bytes`);
  const verdict = judged(file);
  if (!verdict.ok) return verdict;
  return equal(verdict.value.bytes, bytes) ? ok(verdict.value.evidence) : invalid('the evidence is not in its one spelling: bare notes in a fixed order');
}

function build(kind: EvidenceKind, verifier_key: string, parts: readonly Uint8Array[]): Result<Uint8Array> {
  const verdict = judged({ kind, verifier_key, parts });
  if (!verdict.ok) return verdict;
  const packed = packEvidence(verdict.value.bytes);
  return packed.ok ? ok(verdict.value.bytes) : packed;
}

/**
 * Evidence that a log signed two trees of one size, from two notes of it with
 * whatever other signatures. Fails with `EVIDENCE_INVALID` where they prove nothing.
 */
export function sameSizeEvidence(verifier_key: string, notes: readonly [Uint8Array, Uint8Array]): Result<Uint8Array> {
  return build('same-size', verifier_key, notes);
}

/** Evidence that a log proved two leaves at one index, from two tlog-proof files and the leaf hashes. Fails with `EVIDENCE_INVALID`, or with `EVIDENCE_TOO_LARGE` above {@link packed_evidence_bytes_max}. */
export function leafConflictEvidence(verifier_key: string, leaves: readonly [LeafProof, LeafProof]): Result<Uint8Array> {
  return build('leaf-conflict', verifier_key, leaves.flatMap(({ proof, leaf_hash }) => [proof, leaf_hash]));
}

/** One proven leaf: a tlog-proof file and the 32-byte hash of the leaf. */
export interface LeafProof {
  readonly proof: Uint8Array;
  readonly leaf_hash: Uint8Array;
}

/** Evidence that a witness cosigned two trees of one log and size, from two notes with its cosignature. Fails with `EVIDENCE_INVALID`. */
export function cosignerSplitEvidence(verifier_key: string, notes: readonly [Uint8Array, Uint8Array]): Result<Uint8Array> {
  return build('cosigner-split', verifier_key, notes);
}

/** Evidence that a witness cosigned a smaller tree of a log after a larger one, from two notes with its cosignature. Fails with `EVIDENCE_INVALID`. */
export function cosignerRollbackEvidence(verifier_key: string, notes: readonly [Uint8Array, Uint8Array]): Result<Uint8Array> {
  return build('cosigner-rollback', verifier_key, notes);
}
