/** The page for approvals in a browser. Texts of others become text nodes and nothing else; what is known and said is decided in model.js. */
import { claims, confirmation_rest_ms, consequence, eventReader, heard, hindrance, initialState, jsonParts, lost, notice, outcomeText, partyText, reasonOf, retryAfter, signerChoices, silence_ms_max, timeLeft } from './model.js';

const kept_session = 'agentmesh-approvals-session';
const byId = (id) => document.getElementById(id);
/** The cards of the calls that are shown, by id. */
const cards = new Map();

let state = initialState();
let session = sessionStorage.getItem(kept_session);
/** The call whose confirmation is open, and the list of what is over that is shown. */
let [confirming, shown_settled] = [null, null];

function element(name, text = '', class_name = '') {
  const made = document.createElement(name);
  made.textContent = text;
  if (class_name !== '') made.className = class_name;
  return made;
}

function partyNodes(party) {
  const did = element('span', party.did, 'did');
  return party.name === '' ? [did] : party.is_named_here ? [element('bdi', party.name), ' ', did] : [element('bdi', partyText(party))];
}

/** Shows JSON in which every text stays within its quotation marks. */
function fillJson(field, text) {
  field.replaceChildren(...jsonParts(text).map((part, index) => (index % 2 === 0 ? part : element('bdi', part))));
}

/** Says what is not to be overseen, or takes it back. */
function say(text) {
  byId('said').textContent = text;
  byId('said').hidden = text === '';
}

/** Fills a list with terms; a value is a text or nodes, and what is null is left out. */
function fill(list, entries) {
  list.replaceChildren(...entries.flatMap(([term, value, class_name = '']) => {
    if (value === null) return [];
    const described = element('dd', '', class_name);
    described.append(...(typeof value === 'string' ? [value] : value));
    return [element('dt', term), described];
  }));
}

function request(path, options = {}) {
  return fetch(path, { ...options, cache: 'no-store', credentials: 'omit', referrerPolicy: 'no-referrer', headers: { ...options.headers, ...(session === null ? {} : { authorization: `Bearer ${session}` }) } });
}

function post(path, body) {
  return request(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
}

function forgetSession(phase) {
  session = null;
  sessionStorage.removeItem(kept_session);
  showPhase(phase);
}

function showPhase(phase) {
  state = { ...state, phase };
  show();
}

/** Shows what is known. */
function show() {
  const { word, alert } = notice(state);
  const is_live = state.phase === 'live';
  if (byId('connection').textContent !== word) byId('connection').textContent = word;
  byId('connection').dataset.state = is_live ? 'live' : state.phase === 'opening' ? 'opening' : 'lost';
  if (byId('alert').textContent !== (alert ?? '')) byId('alert').textContent = alert ?? '';
  byId('alert').hidden = alert === null;
  byId('end').hidden = session === null || state.phase === 'unreached';
  const has_been_live = is_live || state.phase === 'lost';
  byId('waiting').hidden = !has_been_live;
  byId('history').hidden = ['opening', 'spent', 'unreached', 'unopened'].includes(state.phase);
  for (const [id, card] of cards) {
    if (!has_been_live || (is_live && !state.waiting.includes(id))) {
      const had_focus = card.root.contains(document.activeElement);
      card.root.remove();
      cards.delete(id);
      if (had_focus) byId('main').focus();
    }
  }
  const { waiting: { length } } = state;
  byId('waiting-count').textContent = String(length);
  byId('empty').hidden = length > 0;
  document.title = `${is_live && length > 0 ? `(${length}) ` : ''}Approvals · AgentMesh`;
  showSettled();
  tick();
  if (byId('confirm').open && !(is_live && cards.has(confirming))) {
    byId('confirm').close();
    if (is_live) say('The call that was to be confirmed is over: it was answered elsewhere or given up, or its time ran out. Nothing was signed.');
  }
}

function showSettled() {
  if (shown_settled === state.settled) return;
  shown_settled = state.settled;
  byId('history-empty').hidden = state.settled.length > 0;
  byId('settled').replaceChildren(...state.settled.toReversed().map((settled) => {
    const item = element('li');
    item.dataset.outcome = settled.outcome;
    const { word, rest } = outcomeText(settled);
    const what = element('p');
    what.append(element('span', word, 'outcome'), ': ', element('bdi', settled.agent_name), ' ', element('code', settled.what));
    item.append(what, element('p', [new Date(settled.time_ms).toLocaleTimeString(), rest].filter((text) => text !== '').join(' · '), 'meta'));
    return item;
  }));
}

/** Shows how long each call has, and whether it can be answered now. */
function tick() {
  const now_ms = Date.now();
  for (const { root, call, fields, buttons, inputs, blocked } of cards.values()) {
    const { text, is_over, is_urgent } = timeLeft(call, state, now_ms);
    fields.left.textContent = text;
    root.toggleAttribute('data-urgent', is_urgent);
    root.toggleAttribute('data-over', is_over);
    const is_open = state.phase === 'live' && !is_over && root.dataset.busy === undefined;
    for (const button of buttons) button.disabled = !is_open || blocked?.[button.dataset.verdict] === false;
    for (const input of inputs) input.disabled = !is_open || blocked?.refuse === false;
  }
}

function makeCard(call) {
  const root = byId('call-template').content.firstElementChild.cloneNode(true);
  const field = (name) => root.querySelector(`[data-field="${name}"]`);
  const input = (name) => root.querySelector(`[data-input="${name}"]`);
  root.querySelector('h3').id = `call-${call.id}`;
  root.setAttribute('aria-labelledby', `call-${call.id}`);
  field('what').textContent = call.what;
  for (const name of ['action', 'arguments']) fillJson(field(name), call[name]);
  field('agent_name').textContent = call.agent.name;
  fill(root.querySelector('[data-list="facts"]'), [
    ['Agent', partyNodes(call.agent)],
    ['Sponsor', call.sponsor === null ? null : partyNodes(call.sponsor)],
    ['Asked by', call.peer === null ? 'the agent itself' : partyNodes(call.peer)],
    ['Host', partyNodes(call.host)],
    ['Has read', call.taint.length === 0 ? null : call.taint.map((label) => element('span', label, 'tag'))],
    ['Rule', [call.policy, call.rule].filter((text) => text !== null).join(' / ') || null],
    ['Why', call.reason],
  ]);
  fill(root.querySelector('[data-list="details"]'), [
    ['Request', call.id, 'hash'], ['Asked at', new Date(call.asked_ms).toLocaleString()], ['Arguments hash', call.args_hash, 'hash'], ['Bound to', call.action_hash, 'hash'],
    ['Policies', call.policies.length === 0 ? null : call.policies.join(', '), 'hash'],
  ]);
  const blocked = hindrance(call);
  field('hindrance').textContent = blocked?.text ?? '';
  field('hindrance').hidden = blocked === null;
  for (const name of ['signer', 'why']) {
    input(name).id = `${name}-${call.id}`;
    root.querySelector(`[data-label="${name}"]`).htmlFor = input(name).id;
  }
  input('signer').replaceChildren(...signerChoices(call).map(({ value, text, is_open }) => {
    const option = element('option', text);
    option.value = value;
    option.disabled = !is_open;
    return option;
  }));
  const card = { root, call, blocked, fields: { left: field('left'), result: field('result') }, inputs: [input('signer'), input('why')], buttons: [...root.querySelectorAll('button[data-verdict]')] };
  root.querySelector('form').addEventListener('submit', (event) => event.preventDefault());
  for (const button of card.buttons) button.addEventListener('click', () => askToConfirm(card, button));
  return card;
}

/** States what exactly will be signed, and signs it only on a second word. */
function askToConfirm(card, button) {
  const { verdict } = button.dataset;
  const [signer_input, why_input] = card.inputs;
  const signer = card.call.signers.find(({ did }) => did === signer_input.value);
  if (signer === undefined) {
    card.fields.result.textContent = 'Choose who answers first.';
    card.fields.result.hidden = false;
    signer_input.focus();
    return;
  }
  card.fields.result.hidden = true;
  say('');
  const why = reasonOf(why_input.value);
  const dialog = byId('confirm');
  byId('confirm-title').textContent = verdict === 'grant' ? 'Grant this call?' : 'Refuse this call?';
  byId('confirm-text').textContent = `${consequence(card.call, verdict)} This is what will be signed:`;
  fill(byId('confirm-claims'), claims(card.call, verdict, signer, why));
  for (const name of ['action', 'arguments']) fillJson(byId(`confirm-${name}`), card.call[name]);
  const sign = byId('confirm-sign');
  sign.textContent = verdict === 'grant' ? 'Sign and grant' : 'Sign and refuse';
  sign.className = verdict;
  const shown_ms = performance.now();
  sign.onclick = () => {
    if (performance.now() - shown_ms < confirmation_rest_ms) return;
    dialog.close();
    void answer(card, { verdict, as: signer.did, why });
  };
  byId('confirm-back').onclick = () => dialog.close();
  dialog.onclose = () => (button.isConnected && !button.disabled ? button : byId('main')).focus();
  confirming = card.call.id;
  dialog.showModal();
  byId('confirm-title').focus();
}

async function answer({ root, call, fields }, { verdict, as, why }) {
  root.dataset.busy = '';
  fields.result.hidden = true;
  tick();
  const said = await post('/answers', { id: call.id, verdict, as, why, action_hash: call.action_hash }).then(async (response) => {
    if (response.status === 401) forgetSession('over');
    if (response.ok) return null;
    const { code, detail, fix } = await response.json();
    return code === 'APPROVAL_UNKNOWN' ? 'Not taken: it was answered elsewhere, or its time is over.' : `Not taken: ${detail}${fix === null ? '' : ` (${fix})`}`;
  }).catch(() => 'It is not known whether the answer arrived: the connection broke. The list of what was answered or is over says what became of the call.');
  delete root.dataset.busy;
  if (said === null) byId('news').textContent = `${verdict === 'grant' ? 'Granted' : 'Refused'}: ${call.agent.name}, ${call.what}`;
  else if (root.isConnected) {
    fields.result.textContent = said;
    fields.result.hidden = false;
  } else say(`${call.agent.name}, ${call.what}: ${said}`);
  tick();
}

let loading = Promise.resolve();

/** Fetches the calls that are not shown yet, one after the other, so that they stay in their order. */
function loadCalls() {
  loading = loading.then(async () => {
    for (const id of state.waiting) {
      if (cards.has(id) || !state.waiting.includes(id)) continue;
      const response = await request(`/calls/${encodeURIComponent(id)}`);
      if (!response.ok) continue;
      const card = makeCard(await response.json());
      if (!state.waiting.includes(id)) continue;
      cards.set(id, card);
      byId('calls').append(card.root);
      byId('news').textContent = `${card.call.agent.name} waits for approval: ${card.call.what}`;
      tick();
    }
  }).catch(() => undefined);
}

/** Follows the events until the connection breaks. */
async function follow() {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), silence_ms_max);
  try {
    const response = await request('/events', { signal: silence.signal });
    if (response.status === 401) return forgetSession('over');
    if (!response.ok || response.body === null) return;
    const read = eventReader();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), silence_ms_max);
      for (const event of read(value)) {
        state = heard(state, event, Date.now());
        if (state.phase === 'over') return forgetSession('over');
      }
      show();
      loadCalls();
    }
  } finally {
    clearTimeout(timer);
  }
}

async function followAlways() {
  for (;;) {
    await follow().catch(() => undefined);
    if (session === null) return;
    state = lost(state);
    show();
    await new Promise((resolve) => { setTimeout(resolve, retryAfter(state)); });
  }
}

/** Exchanges the link for a session, once: what proves it is in the fragment, which no server was told, and leaves the address bar. */
async function open() {
  const link = location.hash.slice(1);
  if (link !== '') {
    const response = await post('/session', { link }).catch(() => undefined);
    // A link that nobody has looked at can be tried again.
    if (response?.ok !== true && response?.status !== 401) return showPhase('unreached');
    history.replaceState(null, '', '/');
    if (response.ok) {
      ({ session } = await response.json());
      sessionStorage.setItem(kept_session, session);
      // An old link where a session is open changes nothing.
    } else if (session === null) return forgetSession('spent');
  }
  if (session === null) return forgetSession('unopened');
  show();
  await followAlways();
}

byId('end').addEventListener('click', () => void post('/end', {}).catch(() => undefined).then(() => forgetSession('over')));
window.addEventListener('hashchange', () => location.reload());
setInterval(tick, 1_000);
void open();
