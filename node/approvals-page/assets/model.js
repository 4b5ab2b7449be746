/** What the page for approvals knows and shows, without a document: plain values in, plain values out. */

/** How long the page waits before it tries again, the longest wait last. */
const retry_ms = [500, 1_000, 2_000, 5_000, 10_000];
/** A stream that is silent for so long is dead: the node speaks every ten seconds. */
export const silence_ms_max = 25_000;
/** Calls that are over and that the page remembers, as the node does. */
const settled_max = 100;
/** A confirmation is not taken for so long after it was shown: a second click may have been meant for what was there before. */
export const confirmation_rest_ms = 700;
/** Calls that have less time left are marked. */
const urgent_ms = 30_000;

/** Reads server-sent events out of pieces of text: gives the events that a piece completes. */
export function eventReader() {
  let rest = '';
  return (piece) => {
    rest += piece;
    const blocks = rest.split('\n\n');
    rest = blocks.pop();
    return blocks.flatMap((block) => {
      const lines = block.split('\n');
      const event = lines.find((line) => line.startsWith('event: '))?.slice(7);
      const data = lines.filter((line) => line.startsWith('data: ')).map((line) => line.slice(6)).join('\n');
      return event === undefined ? [] : [{ event, data: JSON.parse(data) }];
    });
  };
}

/** What the page knows at first. `phase`: opening, live, lost, over (the session has ended), spent (the link is worth nothing), unreached (the link could not be tried) or unopened (there was no link). */
export function initialState() {
  return { phase: 'opening', waiting: [], settled: [], ahead_ms: 0, tries: 0 };
}

/** What the page knows after an event of the stream, at `now_ms` of the browser. */
export function heard(state, { event, data }, now_ms) {
  const live = { ...state, phase: 'live', tries: 0 };
  switch (event) {
    case 'history': return { ...live, settled: data.settled };
    case 'settled': return { ...live, settled: [...live.settled, data].slice(-settled_max) };
    case 'waiting': return { ...live, waiting: data.ids, ahead_ms: data.now_ms - now_ms };
    case 'beat': return { ...live, ahead_ms: data.now_ms - now_ms };
    case 'over': return { ...state, phase: 'over' };
    default: return state;
  }
}

/** What the page knows after its connection broke; a session that has ended stays ended. */
export function lost(state) {
  return state.phase === 'live' || state.phase === 'opening' || state.phase === 'lost' ? { ...state, phase: 'lost', tries: state.tries + 1 } : state;
}

/** How long to wait before the next try. */
export function retryAfter({ tries }) {
  return retry_ms[Math.min(Math.max(tries, 1), retry_ms.length) - 1];
}

/** What the page says about itself: a word beside the title, and an alert where something is to be done. */
export function notice({ phase }) {
  const again = 'In a terminal on the host: agentmesh approvals page';
  switch (phase) {
    case 'live': return { word: 'Live', alert: null };
    case 'lost': return { word: 'No connection', alert: 'The node cannot be reached. Nothing can be answered until the connection is back; calls may end meanwhile.' };
    case 'over': return { word: 'Ended', alert: `This session has ended. ${again}` };
    case 'spent': return { word: 'Not opened', alert: `This link was used already, or is too old. ${again}` };
    case 'unreached': return { word: 'Not opened', alert: 'The node cannot be reached, or did not take the link for now. It may still be good: reload this page.' };
    case 'unopened': return { word: 'Not opened', alert: `This page is opened with a link that works once. ${again}` };
    default: return { word: 'Opening …', alert: null };
  }
}

/** How long a call still has, by the clock of the node. */
export function timeLeft({ expires_ms }, { ahead_ms }, now_ms) {
  const left_ms = expires_ms - (now_ms + ahead_ms);
  if (left_ms <= 0) return { text: 'time is over', is_over: true, is_urgent: true };
  const left_s = Math.ceil(left_ms / 1000);
  const text = left_s < 60 ? `${left_s} s left` : `${Math.floor(left_s / 60)} min ${String(left_s % 60).padStart(2, '0')} s left`;
  return { text, is_over: false, is_urgent: left_ms <= urgent_ms };
}

/** What keeps a call from being answered, or from being granted, on this page; null where nothing does. */
export function hindrance({ id, is_whole, signers }) {
  if (!signers.some(({ is_here }) => is_here)) {
    return { grant: false, refuse: false, text: `The key of who answers for this agent is not on this host. agentmesh approvals request ${id} --out request.json writes what is asked; have it signed where the key is: agentmesh approvals sign` };
  }
  if (!is_whole) return { grant: false, refuse: true, text: `Action and arguments are too long to be shown here to their end, so the call can only be refused. agentmesh approvals show ${id} --json shows them` };
  return null;
}

/** Who somebody is, in words. A name that was not given on the node's host is the word of who bears it. */
export function partyText({ name, did, is_named_here }) {
  if (name === '') return did;
  return is_named_here ? `${name} (${did})` : `${did}, which calls itself “${name}”`;
}

/** JSON in parts, every other one a text with its quotation marks: each is shown by itself, since the direction in which one is written would reach over the marks into the next. */
export function jsonParts(text) {
  return text.split(/("[^"\\]*(?:\\[^]?[^"\\]*)*(?:"|$))/u);
}

/** Who can be chosen to answer: of several nobody is chosen beforehand. */
export function signerChoices({ signers }) {
  const choices = signers.map((signer) => ({ value: signer.did, text: signer.is_here ? partyText(signer) : `${partyText(signer)}: key on another device`, is_open: signer.is_here }));
  const open = choices.filter(({ is_open }) => is_open);
  if (open.length === 1) return [...open, ...choices.filter(({ is_open }) => !is_open)];
  return [{ value: '', text: open.length === 0 ? 'nobody here' : 'Choose …', is_open: true }, ...choices];
}

function minutes(length_s) {
  const number = Math.round(length_s / 60);
  return number === 1 ? 'a minute' : `${number} minutes`;
}

/** What follows from an answer. */
export function consequence({ comes_again, taking_up_s }, verdict) {
  if (verdict === 'refuse') return 'The call ends without having run.';
  return comes_again ? `The call runs when the agent that sent it comes again for the answer, within ${minutes(taking_up_s)}, or not at all.` : 'The call runs at once.';
}

/** What the person is about to sign, entry by entry, as it will stand in the token. */
export function claims(call, verdict, signer, why) {
  return [
    ['Verdict', verdict === 'grant' ? 'grant: this one call may run' : 'refuse: this call must not run'],
    ['Signed by', partyText(signer)],
    ['Call', call.what],
    ['Of agent', partyText(call.agent)],
    ['On host', partyText(call.host)],
    ['Request', call.id],
    ['Bound to', `${call.action_hash} (SHA-256 of agent, action, arguments, policies and rule)`],
    ['Reason', why === '' ? 'none' : why],
    ['Good for', `this call alone, once, ${call.comes_again ? `within ${minutes(call.taking_up_s)} of the answer` : 'right away'} (the signature itself ends after ${minutes(call.lifetime_s)})`],
  ];
}

/** A reason as it is sent: on one line, without what only looks like nothing at its ends. */
export function reasonOf(text) {
  return text.replace(/\s+/gu, ' ').trim().slice(0, 200).toWellFormed();
}

/** What became of a call, in words. */
export function outcomeText({ outcome, by, why }) {
  const words = { 'granted': 'Granted', 'refused': 'Refused', 'timed-out': 'Timed out: nobody answered', 'given-up': 'Over: the call was given up' }[outcome] ?? outcome;
  return { word: words, rest: [by === null ? '' : `by ${partyText(by)}`, why === '' ? '' : `“${why}”`].filter((text) => text !== '').join(', ') };
}
