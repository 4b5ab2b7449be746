/**
 * Reads a text for the frames of an injection, a passage at a time: what is
 * said far apart does not add up, so a long text is no more suspicious than a
 * short one.
 */
import { frames, type Frame, type FrameSignal } from './injection-frames.ts';
import { conceptNumber, conceptsOf, isSpaceless, spacelessAt } from './injection-words.ts';

const gap_words_max = 6;
const opening_words_max = 2;
const negation_words_max = 3;
const lacking_words_max = 4;
const passage_words = 64;
// In a passage that speaks of attacks, what looks like one is less likely one; what is beyond doubt stays so.
const talk_share = 0.6;

const token = /(?:https?|ftps?|wss?):\/\/\S{1,512}|[\p{L}\p{M}\p{N}._+-]{1,64}@[\p{L}\p{N}-]{1,64}\.[\p{L}\p{N}.-]{1,128}|[\p{L}\p{M}\p{N}$@_]{1,64}(?:['’]\p{L}{1,3}(?!\p{L}))?|[.;!?…。！？；:：,、，"“”«»「」'‘’`[\]<>{}*#=—–]|\n{1,2}/gu;
const sentence_ends = new Set(['.', '!', '?', '…', '。', '！', '？', '{', '}', '\n\n']);
const marks: ReadonlyMap<string, number> = new Map([...pairs('?？', 'question'), ...pairs(':：', 'colon'), ...pairs('"“”«»「」\'‘’`', 'quote'), ...pairs('[]<>{}*#=', 'bracket')]);

function pairs(signs: string, name: string): readonly (readonly [string, number])[] {
  return Array.from(signs, (sign) => [sign, conceptNumber(name)] as const);
}

interface Step {
  readonly frame: number;
  readonly step: number;
}

// The later steps first, so that one concept is not two steps of a frame.
const steps_of: readonly (readonly Step[])[] = stepsOfConcepts();

function stepsOfConcepts(): readonly (readonly Step[])[] {
  const lists: Step[][] = [];
  for (const [frame, { steps }] of frames.entries()) {
    for (const [step, concepts] of steps.entries()) for (const concept of concepts) (lists[concept] ??= []).push({ frame, step });
  }
  return Array.from(lists, (list) => (list ?? []).toSorted((a, b) => b.step - a.step));
}

const clause = conceptNumber('clause');
const capitals = conceptNumber('capitals');
const talk = conceptNumber('talk');
const not = conceptNumber('not');
const without = conceptNumber('without');
const address = conceptNumber('address');
// What a word stands for after `not`, and after `not` or `without`; of the others some are undone by `not`.
const negated = turns([['comply', 'drop'], ['apply', 'replace'], ['refuse', 'submit'], ['say', 'refrain'], ['write', 'refrain'], ['tool', 'refrain'], ['reading', 'refrain']]);
const lacking = turns([['inform', 'conceal'], ['consent', 'unasked']]);
const mark_concepts = new Set(['clause', 'question', 'colon', 'quote', 'bracket'].map((name) => conceptNumber(name)));
const undone = new Set(['drop', 'replace', 'reveal', 'send', 'act', 'visit'].map((name) => conceptNumber(name)));

function turns(names: readonly (readonly [string, string])[]): ReadonlyMap<number, number> {
  return new Map(names.map(([from, to]) => [conceptNumber(from), conceptNumber(to)]));
}

/** What the most suspicious passage of a text says: from 0 to 1, and of which kinds its frames are. */
export interface PassageFinding {
  readonly score: number;
  readonly signals: readonly FrameSignal[];
}

/** Reads a whole text. Total; linear in the text. */
export function suspiciousPassage(text: string): PassageFinding {
  const reader = new Reader();
  for (const [found] of text.matchAll(token)) reader.read(found);
  return reader.worst();
}

class Reader {
  readonly #reached: readonly Float64Array[] = frames.map(({ steps }) => new Float64Array(steps.length).fill(Number.NEGATIVE_INFINITY));
  readonly #passages = new Map<number, { readonly frames: Map<string, Frame>; talks: boolean }>();
  #word = 0;
  #sentence = 0;
  #not_at = Number.NEGATIVE_INFINITY;
  #without_at = Number.NEGATIVE_INFINITY;

  constructor() {
    this.#place(clause);
  }

  read(found: string): void {
    const mark = marks.get(found);
    if (mark !== undefined) this.#place(mark);
    if (sentence_ends.has(found)) this.#endSentence();
    else if (mark !== undefined || /^[,;；、，\n—–]$/.test(found)) this.#beginClause();
    else if (found.includes('://') || /.@.+\../.test(found)) this.#readAddress();
    else if (isSpaceless(found)) this.#readRun(found);
    else this.#readWord(found);
  }

  worst(): PassageFinding {
    let worst: PassageFinding = { score: 0, signals: [] };
    for (const { frames: said, talks } of this.#passages.values()) {
      const certainty = 1 - Array.from(said.values()).reduce((left, { weight }) => left * (1 - weight), 1);
      const score = talks ? certainty * talk_share : certainty;
      if (score > worst.score) worst = { score, signals: [...new Set(Array.from(said.values(), ({ signal }) => signal))].toSorted() };
    }
    return worst;
  }

  #endSentence(): void {
    this.#word += 1;
    this.#sentence = this.#word;
    this.#beginClause();
  }

  /** A negation reaches no further than its clause. */
  #beginClause(): void {
    this.#not_at = Number.NEGATIVE_INFINITY;
    this.#without_at = Number.NEGATIVE_INFINITY;
    this.#place(clause);
  }

  #readAddress(): void {
    this.#word += 1;
    this.#place(address);
  }

  #readRun(run: string): void {
    for (let place = 0; place < run.length;) {
      const known = spacelessAt(run, place);
      this.#word += known === undefined ? 0.25 : 0.75;
      for (const concept of known?.concepts ?? []) this.#place(concept);
      place += known?.length ?? 1;
    }
  }

  #readWord(word: string): void {
    this.#word += 1;
    const concepts = conceptsOf(word);
    for (const concept of concepts) {
      const meant = this.#meant(concept);
      if (meant !== undefined) this.#place(meant);
    }
    if (/^\p{Lu}{4,}$/u.test(word)) this.#place(capitals);
    if (concepts.includes(not)) this.#not_at = this.#word;
    if (concepts.includes(without)) this.#without_at = this.#word;
  }

  /** What a concept stands for after the words before it; `undefined` where a negation undoes it. */
  #meant(concept: number): number | undefined {
    const is_negated = this.#word - this.#not_at <= negation_words_max;
    if (is_negated || this.#word - this.#without_at <= lacking_words_max) {
      const turned = lacking.get(concept) ?? (is_negated ? negated.get(concept) : undefined);
      if (turned !== undefined) return turned;
    }
    return is_negated && undone.has(concept) ? undefined : concept;
  }

  #place(concept: number): void {
    if (concept === talk) for (const passage of this.#around()) passage.talks = true;
    const is_mark = mark_concepts.has(concept);
    for (const { frame: number, step } of steps_of[concept] ?? []) {
      const frame = frames[number];
      const reached = this.#reached[number];
      if (frame === undefined || reached === undefined || !this.#continues(frame, reached, step, is_mark)) continue;
      reached[step] = this.#word;
      if (step === reached.length - 1) for (const passage of this.#around()) passage.frames.set(frame.line, frame);
    }
  }

  #continues({ steps }: Frame, reached: Float64Array, step: number, is_mark: boolean): boolean {
    if (step === 0) return true;
    const before = reached[step - 1] ?? Number.NEGATIVE_INFINITY;
    const opens = step === 1 && steps[0]?.[0] === clause;
    // Two concepts of one word are one step; a mark stands after its word.
    return before >= this.#sentence && (opens || is_mark || before < this.#word) && this.#word - before <= (opens ? opening_words_max : gap_words_max);
  }

  /** The passages, overlapping by half, in which this word stands. */
  #around(): readonly { readonly frames: Map<string, Frame>; talks: boolean }[] {
    const last = Math.floor(this.#word / (passage_words / 2));
    return [last, last - 1].map((number) => {
      const passage = this.#passages.get(number) ?? { frames: new Map<string, Frame>(), talks: false };
      this.#passages.set(number, passage);
      return passage;
    });
  }
}
