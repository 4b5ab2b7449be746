/**
 * What an injection says, as frames: a few concepts in a row, in one sentence
 * and with few words between them. However it is worded, whoever overrides an
 * instruction names a dropping, the instruction, and whose or which it is.
 *
 * Each line has a weight, `~` where any order will do, and the steps, each one
 * concept of `injection-vocabulary.ts` or one of several. A weight says how
 * sure a sign the frame is by itself, from .5 on sure enough; those below only
 * add to others of the same passage. The weights were set by hand and lowered
 * where a frame was met in innocent texts: prose, program text, manuals, mail
 * and documentation of tools against injections.
 *
 * Besides words, a step can be a mark (`clause` is the beginning of a clause,
 * `address` an address of the web or of mail, `capitals` a word in capitals) or
 * what a negation makes of a word: `refrain` is not to say or do, `conceal` not
 * to inform, `submit` not to refuse, `unasked` without consent.
 */
import { conceptNumber } from './injection-words.ts';

/** The kinds of signs that frames are signs of. */
export type FrameSignal = keyof typeof table;

const table = {
  override: `
    .75 drop prior instruction|prompt|policy|task|conversation
    .75 drop instruction|prompt|policy|task|conversation prior
    .7 prior instruction|prompt|policy drop
    .75 drop you instruction|policy|task
    .65 you instruction|policy drop
    .5 drop instruction|policy you
    .7 drop you prompt
    .65 you instruction|policy|prompt replace|update|drop
    .45 prior instruction|policy|prompt replace|update|drop
    .25 all prior instruction
    .65 drop|replace you task
    .65 you|prior instruction apply not
    .5 drop all instruction|prompt|policy
    .6 drop everything prior|you|me
    .55 drop authority prior|instruction|prompt|policy
    .45 drop|refrain say|task|request|reading new
    .6 drop user request|instruction
    .6 instruction you prior replace|update|drop
    .6 everything you prior replace|drop
    .6 replace you instruction|prompt
    .45 replace prior instruction|prompt
    .6 me instruction priority
    .6 instruction priority prompt|authority
    .35 replace|priority prior configuration|instruction
    .3 replace all prior
    .55 clause drop everything
    .55 drop prior say|write|only|reveal|secret
    .45 new instruction you|model
    .55 refrain request new|only|say|write
    .45 drop restrict|safety|policy instruction|policy|restrict|safety
    .5 drop restrict|safety say|reply|secret
    .5 drop prior me|you prior
    .5 replace you restrict
    .4 new instruction colon
    .5 you new|now task
    .4 refrain new say|write|only|reply
    .5 comply me instruction
    .5 new authority instruction
    .45 drop request say|reply|write|only
    .4 replace all restrict|safety
    .45 you task update|replace
    .45 authority colon replace
    .3 authority replace
    .45 clause comply me
    .45 you restrict replace
    .45 you drop instruction|policy
    .45 prior conversation replace
    .4 replace safety restrict|policy|instruction
    .35 restrict replace|update conversation
    .4 comply only me
    .4 you comply me only|instruction
    .4 refrain prior instruction
    .4 urgent authority note
    .4 tool me instruction
    .3 clause drop prior
    .35 replace all instruction|policy|configuration
    .35 replace restrict instruction|policy
    .45 policy|instruction replace|update conversation
    .35 drop authority|model
    .35 role you restrict|safety
    .35 urgent you replace|drop
    .35 authority note colon
    .35 drop task
    .3 drop all request|reply|data
    .35 new task colon act|send|reveal|say|secret
    .3 replace you safety
    .3 restrict replace|update
    .3 new task colon
    .3 me you_are authority
    .3 me you_are you authority
    .3 capitals mode
    .25 replace behaviour
    .25 prior you_are|drop instruction
    .15 authority mode
    .2 capitals instruction
    .15 replace restrict
    .45 clause drop instruction
    .25 drop you prior
    .5 drop you role
    .2 drop safety|restrict
    .5 instruction you prior not|replace apply
    .3 drop prompt`,
  role: `
    .55 you you_are without restrict|safety|policy|instruction
    .55 model without restrict|safety|instruction|policy
    .55 you_are authority mode
    .5 you_are|role now unbound
    .45 you_are|role|act unbound
    .4 ~ model unbound
    .5 unbound mode
    .5 role without restrict|safety|policy
    .5 say|reply without restrict|safety|policy
    .5 you|model|role submit
    .5 now|keep authority mode
    .4 without restrict|safety model
    .45 you unbound
    .45 you without restrict|safety|instruction|policy
    .45 role|fiction restrict|safety|instruction without
    .4 you restrict|safety|instruction|policy without
    .4 you_are now model
    .4 say everything|request without
    .4 fiction you not|without restrict|safety|instruction
    .35 restrict|safety without apply
    .35 fiction without restrict|safety|instruction
    .35 submit
    .3 you_are not model
    .35 role model everything|request
    .35 you_are now authority
    .35 me without restrict|safety
    .3 you longer model
    .3 you_are now quote
    .3 you not restrict|safety|instruction
    .25 you_are|now mode
    .25 restrict|safety replace|apply mode
    .2 without harm
    .2 role harm
    .2 you not model
    .15 clause role you
    .5 model restrict|safety replace
    .4 role without instruction`,
  'prompt-leak': `
    .6 reveal you instruction|prompt
    .65 ~ say you prompt
    .6 say you instruction
    .6 what you authority prompt|instruction
    .6 say|reveal|what instruction|prompt you prior
    .55 write you prompt|instruction
    .4 say|reveal authority prompt
    .5 say|reveal prior|authority instruction|prompt
    .55 what you prior instruction|prompt|policy
    .55 say|reveal|what everything prior
    .55 say|reveal you configuration
    .5 write prior instruction|prompt
    .5 secret you prior|comply|prompt|instruction
    .5 what you secret
    .5 say|reveal you secret
    .5 what you refrain|conceal me
    .5 say everything authority prompt
    .45 say|reveal me secret
    .35 reveal secret
    .4 instruction|prompt prior say
    .4 what you prompt|instruction question
    .3 you authority prompt
    .4 you prompt you_are|colon
    .4 what prior me request
    .4 what you_are secret question
    .35 ~ say secret
    .35 say all instruction
    .25 begin you reply quote
    .3 say you policy
    .15 verbatim
    .25 authority prompt
    .3 what secret question
    .3 ~ authority instruction say|write
    .3 say|reveal me key
    .3 me instruction you_are|colon
    .25 say reply prior
    .25 what you prior
    .25 me authority prompt
    .25 consent|act|say authority secret
    .25 consent|act secret
    .2 begin you reply
    .15 say key
    .35 authority prompt say
    .15 prompt colon
    .5 begin|reply you instruction|prompt
    .55 say|reveal|what hidden instruction|prompt|configuration|policy
    .45 what you prior refrain|conceal
    .3 reply prior you instruction|prompt`,
  exfiltration: `
    .55 ~ send conversation|secret address
    .45 send user data|conversation
    .5 send|say|write conversation|secret carrier
    .4 send|say|reading|tool|write keyfile address|you|carrier|reply
    .35 keyfile send|say|write
    .35 send key address|carrier|me
    .3 send everything|data address
    .2 data carrier
    .3 conversation|secret carrier
    .3 write user|conversation|secret|keyfile carrier|address
    .3 visit carrier|address say|tool|act
    .15 visit address`,
  'tool-order': `
    .55 conceal user
    .5 note model colon
    .5 keep secret user
    .2 clause model clause act|send|visit|tool
    .4 secrecy user
    .45 condition you_are model
    .45 refrain user
    .3 act|tool|send|visit conceal|secrecy
    .4 condition model reading
    .4 urgent model
    .3 clause model act|send|visit|drop|reveal
    .4 model urgent say|act|send|visit|tool|write
    .3 say|write regardless
    .4 you urgent comply
    .4 say everything me request
    .4 say everything me
    .4 model reading say
    .35 secrecy act|tool|send
    .2 clause model reading
    .35 note model
    .4 user conceal
    .35 condition user request say
    .35 now reply you
    .35 condition you refuse
    .3 act|tool|send|visit unasked
    .25 model reading
    .2 say only
    .2 urgent write|say
    .3 reading new|write say
    .3 condition reading say|act|send|write
    .3 greet model
    .3 new instruction colon act|send|tool|visit
    .3 act unasked
    .1 model colon
    .25 only say|reply quote
    .25 write reply quote
    .2 conceal
    .2 unasked
    .2 tool secret|key
    .15 say only quote
    .15 clause model clause say|tool
    .4 say user without
    .2 now reply you
    .3 condition reply|say|act tool
    .25 keep user
    .2 say without
    .35 model colon act|send|visit|reveal`,
  memory: `
    .5 remember user authority
    .3 future say|reply|write
    .45 all future say|reply|conversation
    .25 future trust
    .35 now future say|reply|write
    .4 remember now
    .4 remember trust
    .35 remember conversation
    .3 remember future
    .2 future conversation
    .4 remember|note future conversation`,
  encoded: `
    .35 decode comply
    .25 decode tool|act`,
} as const;

/** One frame: what it is a sign of, how much it says by itself, and its steps, each the numbers of the concepts that will do. */
export interface Frame {
  /** Frames of one line, in different orders, are one sign. */
  readonly line: string;
  readonly signal: FrameSignal;
  readonly weight: number;
  readonly steps: readonly (readonly number[])[];
}

function framesOf(signal: FrameSignal, line: string): readonly Frame[] {
  const [weight, ...rest] = line.split(' ');
  const steps = rest.filter((step) => step !== '~').map((step) => step.split('|').map((name) => conceptNumber(name)));
  const orders = rest[0] === '~' ? ordersOf(steps) : [steps];
  return orders.map((order) => ({ line, signal, weight: Number(weight), steps: order }));
}

function ordersOf<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  return items.length < 2 ? [items] : items.flatMap((item, index) => ordersOf(items.toSpliced(index, 1)).map((rest) => rest.toSpliced(0, 0, item)));
}

function framesFor(signal: FrameSignal): readonly Frame[] {
  return table[signal].trim().split(/\n\s*/).flatMap((line) => framesOf(signal, line));
}

/** All frames. */
export const frames: readonly Frame[] = (['override', 'role', 'prompt-leak', 'exfiltration', 'tool-order', 'memory', 'encoded'] as const).flatMap((signal) => framesFor(signal));
