/** What an organisation whose key is on this host publishes: bundles of policies, signed again as long as it stands by them. */
import { fromBase64url } from '../crypto/bytes.ts';
import { keyFor } from '../crypto/did-record.ts';
import { bundle_lifetime_s_max, isBundleName, type PolicyBundle } from '../crypto/policy-bundle.ts';
import { fail, messageOf, ok, type Failure, type Result } from '../crypto/result.ts';
import { parseStatement, signPolicyBundle } from '../crypto/statement.ts';
import { encodeBundle, parseBundle, type BundleContent, type BundledPolicy } from '../protocols/bundle/index.ts';
import type { Identity } from '../protocols/identity/index.ts';
import type { Clock, Recorder } from '../protocols/ports.ts';
import type { Statements } from '../protocols/statements/index.ts';
import { every, unixSeconds } from '../protocols/time.ts';
import type { StatementStore } from '../storage/statements.ts';
import { allowNothing, compileBundle } from './bundle-policies.ts';
import { slotOf, type BundleShelf, type Publication } from './bundle-shelf.ts';
import type { LocalIdentity } from './identities.ts';
import type { Policy } from './kernel/index.ts';
import type { NotePolicy } from './policy-changes.ts';

/** Between two looks at what is to be signed again. */
const look_ms = 3_600_000;
/** How long before its end a statement is signed again. */
const renewal_s: number = bundle_lifetime_s_max / 2;
/** What a bundle is called where nobody says. */
export const bundle_name_default = 'default';

/** What publishing uses. */
export interface BundlePublishingParts {
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly shelf: BundleShelf;
  readonly statements: Pick<Statements, 'publish'>;
  readonly statement_store: Pick<StatementStore, 'bundle' | 'get'>;
  readonly identity: Pick<Identity, 'known'>;
  readonly note: NotePolicy;
  /** The identity of this host with this DID. */
  find(did: string): LocalIdentity | undefined;
}

/** What publishing came to. `unchanged`: it had been published before, under this version. `warnings`: what its followers would not expect. */
export type Published = Publication & { readonly unchanged: boolean; readonly warnings: readonly Failure[] };

/** What publishing would publish. */
interface PreparedBundle {
  readonly bytes: Uint8Array;
  readonly publication: Publication;
  readonly policies: readonly Policy[];
  readonly unchanged: boolean;
}

/** Publishes bundles, one after the other. */
export class BundlePublishing {
  readonly #parts: BundlePublishingParts;
  #turn: Promise<unknown> = Promise.resolve();
  #cancel = (): void => undefined;
  #is_stopped = false;

  constructor(parts: BundlePublishingParts) {
    this.#parts = parts;
  }

  /** Signs again what needs it, now and every hour. After the network has started. */
  start(): void {
    const { clock, recorder } = this.#parts;
    const failed = (error: unknown): void => recorder.record({ kind: 'policy.publishing-failed', reason: messageOf(error) });
    const renew = (): Promise<void> => this.renew();
    renew().catch(failed);
    this.#cancel = every(clock, () => look_ms, renew, failed);
  }

  /** Signs again what soon runs out, or is signed with a key that is no longer in use: hosts that begin to follow take nothing under such a key. */
  renew(): Promise<void> {
    return this.#inTurn(async () => {
      for (const publication of this.#parts.shelf.publications.values()) {
        if (this.#is_stopped) return;
        await this.#renew(publication);
      }
    });
  }

  /** Publishes nothing more. */
  async stop(): Promise<void> {
    this.#is_stopped = true;
    this.#cancel();
    await this.#turn;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  /** What an organisation last published under a name, as far as it is at hand. Fails with `BUNDLE_UNKNOWN`. */
  async last(organisation: string, name: string): Promise<Result<BundleContent>> {
    const { shelf } = this.#parts;
    const slot = slotOf(organisation, name);
    const [standing, publication] = [shelf.standings.get(slot), shelf.publications.get(slot)];
    const newest = (standing?.version ?? 0) > (publication?.version ?? 0) ? standing : publication;
    const bytes = newest === undefined ? undefined : await shelf.content(fromBase64url(newest.digest) ?? new Uint8Array());
    return bytes === undefined ? fail('BUNDLE_UNKNOWN', `no bundle ${name} of ${organisation} is at hand here`, { fix: 'agentmesh policy bundles' }) : parseBundle(bytes);
  }

  /**
   * Signs policies as the next version of a bundle, keeps and publishes it, unless they are what was published last.
   * `dry` does all but that. Fails with `BUNDLE_ISSUER`, `BUNDLE_MALFORMED`, `BUNDLE_TOO_LARGE`, `POLICY_INVALID` or a `STATEMENT_…` code.
   */
  publish(own: LocalIdentity, name: string, policies: readonly BundledPolicy[], { dry = false }: { readonly dry?: boolean } = {}): Promise<Result<Published>> {
    return this.#inTurn(async () => {
      const prepared = await this.#prepare(own, name, policies);
      if (!prepared.ok) return prepared;
      const { bytes, publication, unchanged } = prepared.value;
      const warnings = await this.#warnings(own, name, prepared.value.policies);
      const published = unchanged || dry ? ok(undefined) : await this.#publish(own, bytes, publication);
      return published.ok ? ok({ ...publication, unchanged, warnings }) : published;
    });
  }

  /** What publishing the policies would publish; where nothing has changed, what is published already. */
  async #prepare(own: LocalIdentity, name: string, policies: readonly BundledPolicy[]): Promise<Result<PreparedBundle>> {
    if (own.kind !== 'org') return fail('BUNDLE_ISSUER', `${own.name} is no organisation`, { fix: 'create one, under a name of its own: agentmesh sponsor create NAME --kind org' });
    if (!isBundleName(name)) return fail('BUNDLE_MALFORMED', 'the name of a bundle is 1 to 64 characters of a-z, 0-9 and, within, ".", "_" and "-"', { fix: 'for example --name default' });
    const newest = this.#versionOf(own.did, name);
    const again = encodeBundle({ name, version: newest, policies });
    // The encoding is canonical: the same policies under the same version have the same digest.
    const unchanged = newest > 0 && again.ok && again.value.digest === this.#stated(own.did, name)?.digest;
    const content: BundleContent = { name, version: unchanged ? newest : newest + 1, policies };
    const encoded = unchanged ? again : encodeBundle(content);
    if (!encoded.ok) return encoded;
    const compiled = await compileBundle(content);
    if (!compiled.ok) return compiled;
    const { bytes, digest } = encoded.value;
    return ok({ bytes, publication: { organisation: own.did, name, version: content.version, digest, bytes: bytes.length }, policies: compiled.value, unchanged });
  }

  /** What is to be said of all bundles of an organisation that are at hand, with these policies as one of them: together they are one layer. */
  async #warnings(own: LocalIdentity, name: string, policies: readonly Policy[]): Promise<readonly Failure[]> {
    const { publications, standings } = this.#parts.shelf;
    const others = new Set([...publications.values(), ...standings.values()].filter((each) => each.organisation === own.did && each.name !== name).map((each) => each.name));
    const layer = [...policies];
    for (const other of others) {
      const content = await this.last(own.did, other);
      const compiled = content.ok ? await compileBundle(content.value) : content;
      if (compiled.ok) layer.push(...compiled.value);
    }
    if (!allowNothing(layer)) return [];
    return [fail('DENIES_EVERYTHING', `no bundle of ${own.name} allows anything: an organisation is a layer of its own, so every agent of its followers is denied everything, whatever their own policies allow`, {
      fix: 'add a rule that allows, e.g. - { name: ordinary, condition: "true", action: allow }; or write kind: guard in each policy that only forbids',
    }).failure];
  }

  async #publish(own: LocalIdentity, bytes: Uint8Array, publication: Publication): Promise<Result<unknown>> {
    const { clock, shelf, note } = this.#parts;
    const { name, version, digest } = publication;
    const before = shelf.publications.get(slotOf(own.did, name));
    shelf.publications.set(slotOf(own.did, name), publication);
    // Kept before anybody hears of it: a version is never given to two bundles, and who asks gets it.
    await note({ kind: 'policy-bundle-published', organisation: own.did, name, version, digest, time_ms: clock.now() }, [shelf.contentChange(bytes), shelf.publicationChange(publication)]);
    const published = await this.#sign(own, publication);
    if (before !== undefined) await shelf.forget(before.digest);
    return published;
  }

  /** The highest version of a bundle that is known here; 0 where there is none. */
  #versionOf(organisation: string, name: string): number {
    const { shelf } = this.#parts;
    const slot = slotOf(organisation, name);
    return Math.max(shelf.publications.get(slot)?.version ?? 0, shelf.standings.get(slot)?.version ?? 0, this.#stated(organisation, name)?.seq ?? 0);
  }

  #stated(organisation: string, name: string): PolicyBundle | undefined {
    return this.#parts.statement_store.bundle(organisation, name);
  }

  async #sign(own: LocalIdentity, { name, version, digest, bytes }: Publication): Promise<Result<unknown>> {
    const nbf = unixSeconds(this.#parts.clock);
    const signed = await signPolicyBundle(own.signer, { scope: name, seq: version, digest, bytes, nbf, exp: nbf + bundle_lifetime_s_max });
    return signed.ok ? this.#parts.statements.publish(signed.value) : signed;
  }

  async #renew(publication: Publication): Promise<void> {
    const { organisation, name, version } = publication;
    const own = this.#parts.find(organisation);
    if (own === undefined || own.deactivated) return;
    const stated = this.#stated(organisation, name);
    const is_newest = this.#versionOf(organisation, name) === version;
    const is_retired = stated !== undefined && await this.#isRetired(stated);
    const is_due = stated === undefined || stated.seq < version || is_retired || stated.exp - unixSeconds(this.#parts.clock) < renewal_s;
    if (is_newest ? !is_due : !is_retired) return;
    const signed = is_newest ? await this.#sign(own, publication) : await this.#overtake(own, publication);
    if (!signed.ok) this.#parts.recorder.record({ kind: 'policy.publishing-failed', organisation, name, version, code: signed.failure.code, reason: signed.failure.reason });
  }

  /** Whether a statement is signed with a key that its issuer no longer uses. */
  async #isRetired({ iss, hash }: PolicyBundle): Promise<boolean> {
    const { statement_store, identity } = this.#parts;
    const text = await statement_store.get(fromBase64url(hash) ?? new Uint8Array());
    const parsed = text === undefined ? undefined : parseStatement(text);
    const record = identity.known(iss);
    return parsed?.ok === true && record !== undefined && keyFor(record, parsed.value.token.key_id, 'assertionMethod') === undefined;
  }

  /** A version above ours under a key that is no longer in use is none of ours: what we stand by is published above it. */
  async #overtake(own: LocalIdentity, { name, digest }: Publication): Promise<Result<unknown>> {
    const bytes = await this.#parts.shelf.content(fromBase64url(digest) ?? new Uint8Array());
    const content = bytes === undefined ? fail('BUNDLE_UNKNOWN', 'its bytes are not at hand', { fix: 'agentmesh policy publish' }) : parseBundle(bytes);
    if (!content.ok) return content;
    const prepared = await this.#prepare(own, name, content.value.policies);
    return prepared.ok ? this.#publish(own, prepared.value.bytes, prepared.value.publication) : prepared;
  }
}
