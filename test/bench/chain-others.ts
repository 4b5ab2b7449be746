/** A chain of three delegations in other libraries, as each of them verifies it: what it has cached is its own. */
import { Biscuit, biscuit, block, AuthorizerBuilder, KeyPair, SignatureAlgorithm } from '@biscuit-auth/biscuit-wasm';
import { ed25519, Verifier } from '@ucanto/principal';
import { access, capability, DID } from '@ucanto/validator';
import { verifyJWT } from 'did-jwt';
import type { DIDResolutionResult, Resolvable } from 'did-resolver';
import { verifier } from 'iso-signatures/verifiers/eddsa.js';
import { Resolver } from 'iso-signatures/verifiers/resolver.js';
import { EdDSASigner } from 'iso-signatures/signers/eddsa.js';
import type { ISigner } from 'iso-signatures/types';
import { Delegation } from 'iso-ucan/delegation';
import { Invocation } from 'iso-ucan/invocation';
import { didDocument } from '../../crypto/did-document.ts';
import type { DidRecord } from '../../crypto/did-record.ts';
import { start_s } from '../people.ts';
import { perCpuSecond } from './stats.ts';

type Row = readonly [name: string, per_s: number];

const count = 150;

async function didJwt(chain: readonly string[], record: (did: string) => DidRecord | undefined): Promise<Row> {
  const resolver: Resolvable = {
    resolve: (did) => {
      const known = record(did);
      const result: DIDResolutionResult = { didDocument: known === undefined ? null : { id: did, ...didDocument(known) }, didResolutionMetadata: {}, didDocumentMetadata: {} };
      return Promise.resolve(result);
    },
  };
  const work = async (): Promise<void> => {
    for (const token of chain) {
      const claims: { readonly aud: string } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
      await verifyJWT(token, { resolver, audience: claims.aud, policies: { now: start_s + 60 } });
    }
  };
  return ['did-jwt verifyJWT, three tokens, no chain checks', await perCpuSecond(count, work)];
}

async function ucanto(): Promise<Row> {
  const read = capability({ can: 'reports/read', with: DID });
  const [root, a, b, c, service] = await Promise.all([1, 2, 3, 4, 5].map(() => ed25519.generate()));
  if (root === undefined || a === undefined || b === undefined || c === undefined || service === undefined) throw new Error('five keys are needed');
  const first = await read.delegate({ issuer: root, audience: a, with: root.did() });
  const second = await read.delegate({ issuer: a, audience: b, with: root.did(), proofs: [first] });
  const third = await read.delegate({ issuer: b, audience: c, with: root.did(), proofs: [second] });
  const invocation = await read.invoke({ issuer: c, audience: service, with: root.did(), proofs: [third] }).delegate();
  // Parsed already: reading it from its archive costs it a tenth more.
  const work = async (): Promise<void> => {
    const checked = await access(invocation, { authority: service, capability: read, principal: Verifier, validateAuthorization: () => ({ ok: {} }) });
    if (checked.error !== undefined) throw new Error(checked.error.message);
  };
  return ['@ucanto/validator access, three proofs and an invocation', await perCpuSecond(count, work)];
}

function biscuits(): Promise<Row> {
  const keys = new KeyPair(SignatureAlgorithm.Ed25519);
  let token: Biscuit = biscuit`right("read", "reports");`.build(keys.getPrivateKey());
  for (const verb of ['read', 'read']) token = token.appendBlock(block`check if operation(${verb});`);
  const bytes = token.toBytes();
  const public_key = keys.getPublicKey();
  return perCpuSecond(count * 4, () => {
    const parsed = Biscuit.fromBytes(bytes, public_key);
    const builder = new AuthorizerBuilder();
    builder.addCode('operation("read"); allow if right("read", "reports");');
    const authorizer = builder.buildAuthenticated(parsed);
    authorizer.authorize();
    authorizer.free();
  }).then((per_s) => ['biscuit-wasm fromBytes and authorize, three blocks', per_s]);
}

// The types of iso-signatures and iso-ucan differ in members that are absent or undefined.
function isSigner(value: object): value is ISigner {
  return 'signatureType' in value && 'sign' in value;
}

async function isoUcan(): Promise<Row> {
  const signer = async (): Promise<ISigner> => {
    const made: object = await EdDSASigner.generate();
    if (!isSigner(made)) throw new Error('iso-signatures has another shape');
    return made;
  };
  const [root, a, b, c] = [await signer(), await signer(), await signer(), await signer()];
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const give = (iss: ISigner, aud: ISigner): Promise<Delegation> => Delegation.create({ iss, aud: aud.did, sub: root.did, cmd: '/reports', pol: [], exp });
  const proofs = [await give(root, a), await give(a, b), await give(b, c)];
  const made = await Invocation.create({ iss: c, sub: root.did, cmd: '/reports/read', args: {}, prf: proofs, exp, verifierResolver: new Resolver({ ...verifier }, { cache: false }) });
  const by_id = new Map(proofs.map((proof) => [String(proof.cid), proof.bytes]));
  const work = async (): Promise<void> => {
    const verifierResolver = new Resolver({ ...verifier }, { cache: false });
    await Invocation.from({
      bytes: made.bytes, verifierResolver,
      resolveProof: (cid) => Delegation.from({ bytes: by_id.get(String(cid)) ?? new Uint8Array(), verifierResolver }),
    });
  };
  return ['iso-ucan, three delegations and an invocation, no cache', await perCpuSecond(count, work)];
}

/** What the other libraries manage in a second of processor time. */
export async function otherLibraries(chain: readonly string[], record: (did: string) => DidRecord | undefined): Promise<readonly Row[]> {
  return [await didJwt(chain, record), await ucanto(), await biscuits(), await isoUcan()];
}
