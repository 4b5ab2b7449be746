import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { toBase64url } from '../../crypto/bytes.ts';
import { unwrap } from '../../crypto/result.ts';
import { attestSponsorship } from '../../protocols/revocation/sponsorship.ts';
import { checkResponse, parseRequest, parseResponse, requestText, responseText, sponsor_file_bytes_max, type SponsorRequest } from '../../protocols/revocation/sponsor-request.ts';
import { suite } from '../harness.ts';
import { person, start_ms, start_s } from '../people.ts';

const test = suite('protocols/revocation/sponsor-request');
const alice = await person('alice');
const agent = await person('agent', { kind: 'agent', sponsor: alice.did });
const nonce = new Uint8Array(16).fill(7);
const request: SponsorRequest = { agent: agent.did, sponsor: alice.did, role: 'owner', lifetime_s: 3600, nonce: toBase64url(nonce) };
const asked = requestText(request, agent.record);
const attestation = await attestSponsorship(alice.signer, agent.did, { role: 'owner', lifetime_s: 3600, now_s: start_s, jti: nonce });
const response = { agent: agent.did, sponsor: alice.did, attestation, records: [alice.record.bytes] };
const answered = responseText(response);

test('a request and its response are read as they were written', () => {
  const read = unwrap(parseRequest(asked, start_ms));
  assert.equal([read.request, read.record.did], [request, agent.did]);
  assert.equal(unwrap(parseResponse(answered)), response);
  assert.is(unwrap(checkResponse(response, request)).role, 'owner');
});

test('text that anybody could send is refused with a code, and never believed', () => {
  const request_codes = /^SPONSOR_REQUEST_(?:MALFORMED|VERSION|TAMPERED|EXPIRED)$/;
  const response_codes = /^SPONSOR_RESPONSE_(?:MALFORMED|VERSION)$/;
  const refused = (text: string): void => {
    const [a, b] = [parseRequest(text, start_ms), parseResponse(text)];
    assert.match(a.ok ? 'ok' : a.failure.code, request_codes);
    assert.match(b.ok ? 'ok' : b.failure.code, response_codes);
  };
  fc.assert(fc.property(fc.string(), refused));
  fc.assert(fc.property(fc.json(), refused));
  refused(`${asked}${' '.repeat(sponsor_file_bytes_max)}`);
  const shape: { readonly [name: string]: unknown } = JSON.parse(asked);
  fc.assert(fc.property(fc.constantFrom('agent', 'sponsor', 'name', 'kind', 'capabilities', 'record', 'version', 'agentmesh'), fc.jsonValue(), (name, value) => {
    if (JSON.stringify(value) !== JSON.stringify(shape[name])) refused(JSON.stringify({ ...shape, [name]: value }));
  }));
  // A character changed anywhere: what is read either fails, or is what a sponsor sees and signs under another role, lifetime or nonce, which the response then shows.
  fc.assert(fc.property(fc.nat(asked.length - 1), fc.constantFrom('A', '0', '"', '{', 'é'), (at, character) => {
    const read = parseRequest(asked.slice(0, at) + character + asked.slice(at + 1), start_ms);
    if (read.ok) assert.equal([read.value.request.agent, read.value.request.sponsor, read.value.record.did], [agent.did, alice.did, agent.did]);
  }));
});

test('an attestation answers the request whose words it bears', async () => {
  const by = (changes: { readonly role?: string; readonly lifetime_s?: number; readonly jti?: Uint8Array }, did = agent.did): Promise<string> =>
    attestSponsorship(alice.signer, did, { role: 'owner', lifetime_s: 3600, now_s: start_s, jti: nonce, ...changes });
  const code = (text: string, of: SponsorRequest | undefined = request): string => {
    const checked = checkResponse({ ...response, attestation: text }, of);
    return checked.ok ? 'ok' : checked.failure.code;
  };
  assert.is(code(attestation), 'ok');
  assert.is(checkResponse(response, undefined).ok, false);
  assert.is(code(await by({ role: 'other' })), 'SPONSOR_RESPONSE_CHANGED');
  assert.is(code(await by({ lifetime_s: 3601 })), 'SPONSOR_RESPONSE_CHANGED');
  assert.is(code(await by({ jti: new Uint8Array(16) })), 'SPONSOR_RESPONSE_UNASKED');
  assert.is(code(await by({}, alice.did)), 'SPONSOR_RESPONSE_AGENT');
  assert.is(code(await attestSponsorship(agent.signer, agent.did, { role: 'owner', lifetime_s: 3600, now_s: start_s, jti: nonce })), 'SPONSOR_RESPONSE_SPONSOR');
  assert.is(code('nonsense'), 'SPONSOR_FORGED');
});

test.run();
